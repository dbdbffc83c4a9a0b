import type { EngineLogger } from '../../lib/engine/types/index.js';

/** Writes the broker's lines into the simulation's log. */
export class SimulationLogger implements EngineLogger {
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  debug(): void {}

  log(message: string): void {
    this.#write(`    log: ${message}`);
  }

  warn(message: string): void {
    this.#write(`    warn: ${message}`);
  }

  error(message: string): void {
    this.#write(`    error: ${message}`);
  }
}
