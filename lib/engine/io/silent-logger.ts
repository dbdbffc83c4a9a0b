import type { EngineLogger } from '../types/logger.js';

/** Writes nothing. */
export class SilentLogger implements EngineLogger {
  debug(): void {}
  log(): void {}
  warn(): void {}
  error(): void {}
}
