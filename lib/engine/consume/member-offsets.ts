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
  if (spec.messageModel === 'CLUSTERING') {
    return { cell: (topic, queueId) => files.clustering.cell(topic, group, queueId) };
  }
  if (!spec.hasStableClientId) return new PassingOffsets();
  return { cell: (topic, queueId) => files.broadcasting.cell(topic, `${group}@${clientId}`, queueId) };
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
}
