// The public surface of `nestjs-rocket/testing`.
export type { Attempt } from './attempt-log.js';
export type { Duration } from './duration.js';
export type { ListenerClass, Target } from './listener-target.js';
export {
  RocketTestBench,
  type PublishedMessage,
  type TestBenchOptions,
  type WaitOptions,
} from './rocket-test-bench.js';
export { RocketTestingModule, type RocketTestingOptions } from './rocket-testing.module.js';
