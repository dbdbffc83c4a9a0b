export type { RocketHealthLimits } from './health-limits.js';
export { RocketHealthIndicator } from './rocket-health.indicator.js';
export { RocketHealthModule } from './rocket-health.module.js';
