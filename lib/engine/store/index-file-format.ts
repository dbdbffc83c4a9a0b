import { readInt64, setInt64, writeInt32, writeInt64 } from './record-format.js';

/**
 * A file of the key index (RocketMQ: `IndexFile`, `IndexHeader`). All integers are big-endian; s is the number of hash slots, n the number of entries
 * that there is room for.
 *
 *     offset  bytes  field
 *          0      8  beginTimestamp: store time of the first entry's message
 *          8      8  endTimestamp: store time of the last entry's message
 *         16      8  beginPhyOffset: where the record of the first entry lies in the commit log
 *         24      8  endPhyOffset: where the record of the last entry lies
 *         32      4  hashSlotCount: slots that are not empty
 *         36      4  indexCount: number of the next entry; the first one is 1
 *         40    s×4  slots: number of the slot's newest entry; 0: none
 *   40 + s×4   n×20  entries: entry k lies at 40 + s×4 + k×20
 *
 *      entry  bytes  field
 *          0      4  keyHash: hash of `topic#key`; its slot is keyHash mod s
 *          4      8  phyOffset: where the record lies in the commit log
 *         12      4  timeDiff: store time less beginTimestamp, in whole seconds
 *         16      4  number of the entry before it in its slot; 0: none
 *
 * RocketMQ leaves entry 0 unused, for 0 means none. As long as a file of ours is not finished, the first four bytes there are its mark: entries with
 * a number below it are in the slots on disk. Opening after a crash enters the others again. A finished file has 0 there, as RocketMQ's have.
 */
export const INDEX_HEADER_BYTES = 40;
export const INDEX_SLOT_BYTES = 4;
export const INDEX_ENTRY_BYTES = 20;

const MAX_INT32 = 0x7fffffff;

/** Where things lie in an index file of a given size. */
export class IndexLayout {
  readonly hashSlotNum: number;
  /** Entries that there is room for; one more than can be used, since entry 0 is not. */
  readonly indexNum: number;
  readonly fileSizeBytes: number;
  readonly #entriesPosition: number;

  constructor(hashSlotNum: number, indexNum: number) {
    this.hashSlotNum = hashSlotNum;
    this.indexNum = indexNum;
    this.#entriesPosition = INDEX_HEADER_BYTES + hashSlotNum * INDEX_SLOT_BYTES;
    this.fileSizeBytes = this.#entriesPosition + indexNum * INDEX_ENTRY_BYTES;
  }

  slotPosition(slot: number): number {
    return INDEX_HEADER_BYTES + slot * INDEX_SLOT_BYTES;
  }

  entryPosition(entryNumber: number): number {
    return this.#entriesPosition + entryNumber * INDEX_ENTRY_BYTES;
  }
}

/** The first 40 bytes of an index file, as they change with each entry. */
export class IndexHeader {
  beginTimestampMs = 0;
  endTimestampMs = 0;
  beginPhyOffset = 0;
  endPhyOffset = 0;
  hashSlotCount = 0;
  indexCount = 1;

  /** Of a file that follows a full one: as in RocketMQ, it takes over where that one ended until it has an entry of its own. */
  static after(previous: IndexHeader | undefined): IndexHeader {
    const header = new IndexHeader();
    if (previous === undefined) return header;
    header.beginTimestampMs = header.endTimestampMs = previous.endTimestampMs;
    header.beginPhyOffset = header.endPhyOffset = previous.endPhyOffset;
    return header;
  }

  static decode(bytes: Buffer): IndexHeader {
    const header = new IndexHeader();
    header.beginTimestampMs = readInt64(bytes, 0);
    header.endTimestampMs = readInt64(bytes, 8);
    header.beginPhyOffset = readInt64(bytes, 16);
    header.endPhyOffset = readInt64(bytes, 24);
    header.hashSlotCount = bytes.readInt32BE(32);
    header.indexCount = Math.max(1, bytes.readInt32BE(36));
    return header;
  }

  encode(): Buffer {
    const bytes = Buffer.alloc(INDEX_HEADER_BYTES);
    writeInt64(bytes, this.beginTimestampMs, 0);
    writeInt64(bytes, this.endTimestampMs, 8);
    writeInt64(bytes, this.beginPhyOffset, 16);
    writeInt64(bytes, this.endPhyOffset, 24);
    writeInt32(bytes, this.hashSlotCount, 32);
    writeInt32(bytes, this.indexCount, 36);
    return bytes;
  }
}

export function writeIndexEntry(
  target: DataView,
  at: number,
  keyHash: number,
  physicalOffset: number,
  timeDiff: number,
  previousEntry: number,
): void {
  target.setInt32(at, keyHash);
  setInt64(target, at + 4, physicalOffset);
  target.setInt32(at + 12, timeDiff);
  target.setInt32(at + 16, previousEntry);
}

export function readEntryKeyHash(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at);
}

export function readEntryPhysicalOffset(bytes: Buffer, at: number): number {
  return readInt64(bytes, at + 4);
}

export function readEntryTimeDiff(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + 12);
}

export function readEntryPrevious(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + 16);
}

/** Java's `(storeTimestamp - beginTimestamp) / 1000`, in the range of the field; 0 as long as the file has no beginning. */
export function timeDiffSeconds(storeTimestampMs: number, beginTimestampMs: number): number {
  if (beginTimestampMs <= 0 || storeTimestampMs <= beginTimestampMs) return 0;
  return Math.min(Math.floor((storeTimestampMs - beginTimestampMs) / 1000), MAX_INT32);
}

/** Files are named by the local time of their making (`UtilAll.timeMillisToHumanString`): `yyyyMMddHHmmssSSS`. */
export function indexFileName(nowMs: number, previousName: string | undefined): string {
  const date = new Date(nowMs);
  const parts: readonly [value: number, digits: number][] = [
    [date.getFullYear(), 4],
    [date.getMonth() + 1, 2],
    [date.getDate(), 2],
    [date.getHours(), 2],
    [date.getMinutes(), 2],
    [date.getSeconds(), 2],
    [date.getMilliseconds(), 3],
  ];
  const name = parts.map(([value, digits]) => String(value).padStart(digits, '0')).join('');
  if (previousName === undefined || name > previousName) return name;
  // Names give the order of the files, and the local time goes back now and then. Any number is a name for RocketMQ.
  return String(BigInt(previousName) + 1n).padStart(name.length, '0');
}

export function isIndexFileName(name: string): boolean {
  return /^\d{17}$/.test(name);
}
