export { lookAt, type BrokerParts } from './broker-state.js';
export { EngineMonitor } from './engine-monitor.js';
export { readMetrics } from './metrics-reading.js';
