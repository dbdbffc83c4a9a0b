import { OffsetCell } from './offset-cell.js';
import type { OffsetStore } from './offset-store.js';
import type { ResolvedConsumerSpec } from './resolved-spec.js';
import type { OffsetSource } from './topic-queues.js';

export interface OffsetFiles {
  /** `consumerOffset.json`, by group. */
  readonly clustering: OffsetStore;
  /** `broadcastOffset.json`, by group and client id. In RocketMQ broadcasting clients keep these in files of their own. */
  readonly broadcasting: OffsetStore;
}

/** Where the offsets of a member are kept. */
export function offsetsOf(spec: ResolvedConsumerSpec, files: OffsetFiles): OffsetSource {
  const { group, clientId } = spec;
  if (spec.messageModel === 'CLUSTERING') return storedOffsets(files.clustering, group);
  if (!spec.hasStableClientId) return new PassingOffsets();
  return storedOffsets(files.broadcasting, `${group}@${clientId}`);
}

function storedOffsets(store: OffsetStore, owner: string): OffsetSource {
  return {
    cell: (topic, queueId) => store.cell(topic, owner, queueId),
    start: (topic, queueId, offset) => store.start(topic, owner, queueId, offset),
    isUnwrittenStart: (topic, queueId) => store.isUnwrittenStart(topic, owner, queueId),
  };
}

/** The offsets of a member that nobody will know again after it has left. */
class PassingOffsets implements OffsetSource {
  readonly #cells = new Map<string, OffsetCell>();

  cell(topic: string, queueId: number): OffsetCell {
    const key = `${topic}@${queueId}`;
    let cell = this.#cells.get(key);
    if (cell === undefined) this.#cells.set(key, (cell = new OffsetCell(undefined, () => undefined)));
    return cell;
  }

  start(topic: string, queueId: number, offset: number): void {
    this.cell(topic, queueId).commit(offset);
  }

  isUnwrittenStart(): boolean {
    return false;
  }
}
