import type { OffsetTable } from './pull-room.js';

/** Where the offsets of one pull consumer are. */
export interface OffsetBook {
  get(topic: string, queueId: number): number | undefined;
  set(topic: string, queueId: number, offset: number): void;
  flush(): Promise<void>;
}

/** The offsets that all members of a clustering group share. */
export function groupOffsets(table: OffsetTable, group: string): OffsetBook {
  return {
    get: (topic, queueId) => table.get(topic, group, queueId),
    set: (topic, queueId, offset) => table.set(topic, group, queueId, offset),
    flush: () => table.flush(),
  };
}

/** The offsets of a broadcasting pull consumer, which go with it. */
export function passingOffsets(): OffsetBook {
  const offsets = new Map<string, number>();
  const keyOf = (topic: string, queueId: number): string => `${topic}@${queueId}`;
  return {
    get: (topic, queueId) => offsets.get(keyOf(topic, queueId)),
    set: (topic, queueId, offset) => void offsets.set(keyOf(topic, queueId), offset),
    flush: () => Promise.resolve(),
  };
}
