import type { RecordDraft } from '../types/index.js';
import { SysFlag } from '../types/index.js';
import { bodyCrc32At, viewOf } from './crc32.js';
import {
  BLANK_SIZE_BYTES,
  IPV4_HOST_BYTES,
  IPV6_HOST_BYTES,
  MAGIC_BLANK,
  MAGIC_V1,
  MAGIC_V2,
  MIN_RECORD_BYTES,
  RecordField,
  V1_MAX_TOPIC_BYTES,
  writeAscii,
  writeInt32,
  setInt64,
  writeUtf8,
} from './record-format.js';

/** The fields that the log gives a record. */
export interface RecordPlace {
  readonly physicalOffset: number;
  readonly queueOffset: number;
  readonly storeTimestampMs: number;
}

/** Writes drafts as records. One per store: it knows the store's own address. */
export class RecordEncoder {
  readonly #storeHost: Uint8Array;

  /** @param storeHost address (4 or 16 bytes) and port (4 bytes) of this broker; also the sender of what has none */
  constructor(storeHost: Uint8Array) {
    this.#storeHost = storeHost;
  }

  /** Size of the record in the log. @param propertiesBytes UTF-8 length of the draft's properties */
  sizeBytes(draft: RecordDraft, propertiesBytes: number): number {
    const bornHost = draft.bornHost ?? this.#storeHost;
    return (
      MIN_RECORD_BYTES +
      (bornHost.length - IPV4_HOST_BYTES) +
      (this.#storeHost.length - IPV4_HOST_BYTES) +
      draft.body.length +
      draft.topic.length +
      (draft.topic.length > V1_MAX_TOPIC_BYTES ? 1 : 0) +
      propertiesBytes
    );
  }

  /**
   * Writes the record at `at`. `target` has `sizeBytes` of room there.
   *
   * @param view of `target`; whoever writes many records keeps one
   */
  encode(
    draft: RecordDraft,
    place: RecordPlace,
    sizeBytes: number,
    target: Buffer,
    at: number,
    view: DataView = viewOf(target),
  ): void {
    const { topic, body } = draft;
    const bornHost = draft.bornHost ?? this.#storeHost;
    const version2 = topic.length > V1_MAX_TOPIC_BYTES;
    let sysFlag = draft.sysFlag & ~(SysFlag.BORN_HOST_V6 | SysFlag.STORE_HOST_V6);
    if (bornHost.length === IPV6_HOST_BYTES) sysFlag |= SysFlag.BORN_HOST_V6;
    if (this.#storeHost.length === IPV6_HOST_BYTES) sysFlag |= SysFlag.STORE_HOST_V6;

    view.setInt32(at, sizeBytes);
    view.setInt32(at + RecordField.MAGIC, version2 ? MAGIC_V2 : MAGIC_V1);
    view.setInt32(at + RecordField.QUEUE_ID, draft.queueId);
    view.setInt32(at + RecordField.FLAG, draft.flag);
    setInt64(view, at + RecordField.QUEUE_OFFSET, place.queueOffset);
    setInt64(view, at + RecordField.PHYSICAL_OFFSET, place.physicalOffset);
    view.setInt32(at + RecordField.SYS_FLAG, sysFlag);
    setInt64(view, at + RecordField.BORN_TIMESTAMP, draft.bornTimestampMs);
    let next = at + RecordField.BORN_HOST;
    writeHost(target, bornHost, next);
    next += bornHost.length;
    setInt64(view, next, place.storeTimestampMs);
    next += 8;
    writeHost(target, this.#storeHost, next);
    next += this.#storeHost.length;
    view.setInt32(next, draft.reconsumeTimes);
    setInt64(view, next + 4, draft.preparedTransactionOffset);
    view.setInt32(next + 12, body.length);
    next += 16;
    target.set(body, next);
    // Of the copy, which nobody changes any more.
    view.setInt32(at + RecordField.BODY_CRC, bodyCrc32At(target, view, next, body.length));
    next += body.length;
    if (version2) target[next++] = topic.length >>> 8;
    target[next++] = topic.length;
    writeAscii(target, topic, next);
    next += topic.length;
    const propertiesBytes = at + sizeBytes - next - 2;
    view.setInt16(next, propertiesBytes);
    writeUtf8(target, draft.properties, next + 2, propertiesBytes);
  }
}

/** A loop, because setting so few bytes costs less than the call. */
function writeHost(target: Buffer, host: Uint8Array, at: number): void {
  for (let i = 0; i < host.length; i++) target[at + i] = host[i]!;
}

/** Says that the rest of a segment file, `restBytes` from `at` on, holds nothing. */
export function encodeBlank(target: Buffer, at: number, restBytes: number): void {
  writeInt32(target, restBytes, at);
  writeInt32(target, MAGIC_BLANK, at + 4);
}

/** True when a record of this size must go to the next segment file: room for the blank always stays. */
export function needsNextSegment(recordBytes: number, restBytes: number): boolean {
  return recordBytes + BLANK_SIZE_BYTES > restBytes;
}
