import { isUtf8 } from 'node:buffer';

import { StoreCorruptError } from '../errors/index.js';
import { readStoreTimestampMs } from '../engine/store/record-format.js';
import { checkRecord } from '../engine/store/record-checker.js';
import { scanLog } from '../engine/store/log-scan.js';
import type { SegmentFiles } from '../engine/store/segment-files.js';
import { StoredMessage } from '../engine/store/stored-message.js';
import { Property } from '../engine/types/index.js';
import { nextRecord } from './log-walk.js';
import { withLog } from './opened-log.js';
import type { LineOutput } from './output.js';
import { ReadOnlyFileSystem } from './read-only-file-system.js';
import { shapeOf } from './store-shape.js';

export interface DumpFilter {
  readonly topic?: string | undefined;
  readonly queueId?: number | undefined;
  /** Store time, both ends included. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  /** A word of KEYS, or the unique id. */
  readonly key?: string | undefined;
  readonly tag?: string | undefined;
  readonly limit?: number | undefined;
}

/**
 * Writes the records of a log as JSON lines, in the order of the log. Works beside an app that has the store open.
 *
 * @returns how many were written
 * @throws StoreMissingError, StoreFormatError
 * @throws StoreCorruptError something in the middle of the log is no record; what comes before it has been written
 */
export async function dumpStore(path: string, filter: DumpFilter, output: LineOutput): Promise<number> {
  const fileSystem = new ReadOnlyFileSystem();
  return withLog(fileSystem, await shapeOf(fileSystem, path), (segments) => dumpLog(segments, filter, output));
}

async function dumpLog(segments: SegmentFiles, filter: DumpFilter, output: LineOutput): Promise<number> {
  const { limit = Infinity, toMs = Infinity } = filter;
  let count = 0;
  let lines: string[] = [];
  let isPast = false;
  const isDone = (): boolean => count >= limit || isPast || output.isClosed;
  for (const start of await startsFrom(segments, filter.fromMs)) {
    if (isDone()) break;
    const end = await scanLog(
      segments,
      start,
      (bytes, at) => {
        if (isDone()) return;
        const message = new StoredMessage(bytes, at, '');
        isPast = message.storeTimestamp > toMs;
        if (isPast || !matches(message, filter)) return;
        lines.push(JSON.stringify(lineOf(message)));
        count++;
      },
      {
        untilOffset: start + segments.fileSizeBytes,
        afterBlock: async () => {
          await output.write(lines);
          lines = [];
        },
      },
    );
    await output.write(lines);
    lines = [];
    if (isDone() || end.offset >= start + segments.fileSizeBytes) continue;
    if ((await nextRecord(segments, end.offset + 1)) === undefined) break;
    throw new StoreCorruptError({
      file: segments.path(end.offset),
      offset: end.offset % segments.fileSizeBytes,
      reason: end.reason ?? 'nothing is there, though records follow',
    });
  }
  return count;
}

/** Files that may hold records of `fromMs` or later: store times never go back in log order. */
async function startsFrom(segments: SegmentFiles, fromMs: number | undefined): Promise<readonly number[]> {
  if (fromMs === undefined) return segments.starts;
  const head = Buffer.alloc(128);
  let first = 0;
  for (const [index, start] of segments.starts.entries()) {
    const readBytes = await segments.read(head, start);
    const { kind } = checkRecord(head, 0, readBytes, start, segments.fileSizeBytes);
    if (kind !== 'record' && kind !== 'more') break;
    if (readStoreTimestampMs(head, 0) >= fromMs) break;
    first = index;
  }
  return segments.starts.slice(first);
}

function matches(message: StoredMessage, filter: DumpFilter): boolean {
  // What a repair wrote over a broken part.
  if (message.storedTopic === '') return false;
  if (filter.topic !== undefined && message.storedTopic !== filter.topic) return false;
  if (filter.queueId !== undefined && message.queueId !== filter.queueId) return false;
  if (filter.fromMs !== undefined && message.storeTimestamp < filter.fromMs) return false;
  if (filter.tag !== undefined && message.tags !== filter.tag) return false;
  if (filter.key === undefined) return true;
  const keys = message.keys?.split(' ') ?? [];
  return keys.includes(filter.key) || message.properties[Property.UNIQ_KEY] === filter.key;
}

/** One record. The body is text where it is text, else base64; one that can't be opened here stays as it is stored. */
function lineOf(message: StoredMessage): object {
  return {
    topic: message.storedTopic,
    queueId: message.queueId,
    queueOffset: message.queueOffset,
    commitLogOffset: message.commitLogOffset,
    storeSize: message.storeSize,
    msgId: message.msgId,
    tags: message.tags,
    keys: message.keys,
    bornTimestamp: message.bornTimestamp,
    bornHost: message.bornHost,
    storeTimestamp: message.storeTimestamp,
    storeHost: message.storeHost,
    reconsumeTimes: message.reconsumeTimes,
    flag: message.flag,
    sysFlag: message.sysFlag,
    preparedTransactionOffset: message.preparedTransactionOffset,
    properties: message.properties,
    ...bodyOf(message),
  };
}

function bodyOf(message: StoredMessage): { body: string } | { bodyBase64: string } | { storedBodyBase64: string } {
  let body: Buffer;
  try {
    body = message.body;
  } catch {
    return { storedBodyBase64: message.storedBody.toString('base64') };
  }
  return isUtf8(body) ? { body: body.toString('utf8') } : { bodyBase64: body.toString('base64') };
}
