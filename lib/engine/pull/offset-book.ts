import type { OffsetTable } from './pull-room.js';

/** Where the offsets of one pull consumer are. */
export interface OffsetBook {
  get(topic: string, queueId: number): number | undefined;
  set(topic: string, queueId: number, offset: number): void;
  /** See {@link OffsetTable.start}. */
  start(topic: string, queueId: number, offset: number): void;
  /** See {@link OffsetTable.isUnwrittenStart}. */
  isUnwrittenStart(topic: string, queueId: number): boolean;
  flush(): Promise<void>;
}

/** The offsets that all members of a clustering group share. */
export function groupOffsets(table: OffsetTable, group: string): OffsetBook {
  return {
    get: (topic, queueId) => table.get(topic, group, queueId),
    set: (topic, queueId, offset) => table.set(topic, group, queueId, offset),
    start: (topic, queueId, offset) => table.start(topic, group, queueId, offset),
    isUnwrittenStart: (topic, queueId) => table.isUnwrittenStart(topic, group, queueId),
    flush: () => table.flush(),
  };
}

/** The offsets of a broadcasting pull consumer, which go with it. */
export function passingOffsets(): OffsetBook {
  const offsets = new Map<string, number>();
  const keyOf = (topic: string, queueId: number): string => `${topic}@${queueId}`;
  const set = (topic: string, queueId: number, offset: number): void => void offsets.set(keyOf(topic, queueId), offset);
  return {
    get: (topic, queueId) => offsets.get(keyOf(topic, queueId)),
    set,
    start: set,
    isUnwrittenStart: () => false,
    flush: () => Promise.resolve(),
  };
}
