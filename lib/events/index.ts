export { RocketEvents, type EngineEventOf } from './rocket-events.js';
