import { checkRecord } from './record-checker.js';
import { readStoreTimestampMs } from './record-format.js';
import type { SegmentFiles } from './segment-files.js';

/** More than what stands before a record's body. */
const HEAD_BYTES = 128;

/**
 * Store time of a record that stands behind all of the files before `start`: of the first one of the file there, or, where that begins with none because a repair has
 * bridged a gap or it is damaged, of the first one of a later file. Undefined when there is none. Store times never go back in log order, so no record of the files before is
 * younger. RocketMQ goes by the file's time of modification, which a copy or a restored backup makes new.
 */
export async function firstTimestampFrom(segments: SegmentFiles, start: number): Promise<number | undefined> {
  for (const each of segments.starts.filter((other) => other >= start)) {
    const timestampMs = await firstTimestampMs(segments, each);
    if (timestampMs !== undefined) return timestampMs;
  }
  return undefined;
}

/** Store time of the first record of a segment file; undefined when it does not begin with one. */
async function firstTimestampMs(segments: SegmentFiles, start: number): Promise<number | undefined> {
  const head = Buffer.alloc(HEAD_BYTES);
  const readBytes = await segments.read(head, start);
  if (readBytes < head.length) return undefined;
  const { kind } = checkRecord(head, 0, readBytes, start, segments.fileSizeBytes);
  return kind === 'record' || kind === 'more' ? readStoreTimestampMs(head, 0) : undefined;
}

/** True in the hours of the day that `deleteWhen` names, local time; without any, always. */
export function isDeletionHour(deleteWhen: string, nowMs: number): boolean {
  const hours = deletionHours(deleteWhen);
  return hours.length === 0 || hours.includes(new Date(nowMs).getHours());
}

/** The hours of a `deleteWhen`, which are separated by `;` as in RocketMQ; NaN stands for what is none. */
export function deletionHours(deleteWhen: string): readonly number[] {
  const parts = deleteWhen.split(';').map((part) => part.trim());
  return parts
    .filter((part) => part !== '')
    .map((part) => (/^\d{1,2}$/.test(part) && Number(part) < 24 ? Number(part) : NaN));
}
