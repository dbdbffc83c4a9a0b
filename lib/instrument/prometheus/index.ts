export { registerRocketMetrics, type RocketPrometheusOptions } from './register-rocket-metrics.js';
export { RocketPrometheusModule } from './rocket-prometheus.module.js';
