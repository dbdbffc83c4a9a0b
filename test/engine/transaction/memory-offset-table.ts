import type { OffsetTable } from '../../../lib/engine/transaction/index.js';

/** Consumer offsets that live as long as the test wants them to. */
export class MemoryOffsetTable implements OffsetTable {
  readonly #offsets: Map<string, number>;

  constructor(offsets: ReadonlyMap<string, number> = new Map()) {
    this.#offsets = new Map(offsets);
  }

  get(topic: string, group: string, queueId: number): number | undefined {
    return this.#offsets.get(`${topic}@${group}@${queueId}`);
  }

  set(topic: string, group: string, queueId: number, offset: number): void {
    this.#offsets.set(`${topic}@${group}@${queueId}`, offset);
  }

  /** As it is on disk at this moment. */
  copy(): MemoryOffsetTable {
    return new MemoryOffsetTable(this.#offsets);
  }
}
