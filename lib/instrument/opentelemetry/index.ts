export { RocketOpenTelemetry, type RocketOpenTelemetryOptions } from './rocket-opentelemetry.js';
