/** Where the service keeps how far half and op topics are worked off: the broker's table of consumer offsets. */
export interface OffsetTable {
  get(topic: string, group: string, queueId: number): number | undefined;
  set(topic: string, group: string, queueId: number, offset: number): void;
}
