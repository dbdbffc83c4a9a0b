import { encodeBlank, RecordEncoder } from '../engine/store/record-encoder.js';
import { MAX_BODY_BYTES, MIN_RECORD_BYTES } from '../engine/store/record-format.js';
import { SysFlag, type RecordDraft } from '../engine/types/index.js';

/** Stands in no queue and no index, here as in RocketMQ: whoever makes them from the log passes over rolled-back records. */
const FILLER_DRAFT: RecordDraft = {
  topic: '',
  queueId: 0,
  body: Buffer.alloc(0),
  properties: '',
  tags: undefined,
  keys: undefined,
  uniqKey: undefined,
  delayLevel: 0,
  flag: 0,
  sysFlag: SysFlag.TRANSACTION_ROLLBACK,
  bornTimestampMs: 0,
  bornHost: undefined,
  reconsumeTimes: 0,
  preparedTransactionOffset: 0,
  waitStoreMsgOK: true,
};
const encoder = new RecordEncoder(Uint8Array.from([127, 0, 0, 1, 0, 0, 0, 0]));

export interface FillerBytes {
  readonly offset: number;
  readonly bytes: Buffer;
}

/**
 * What to write over the log from `from` to `to`, so that reading it goes from the record before to the record behind: a blank where a file ends in between, and else
 * records that nobody sees.
 *
 * @param storeTimestampMs of the record before, since times never go back in log order
 */
export function* fillerRecords(
  from: number,
  to: number,
  segmentBytes: number,
  storeTimestampMs: number,
): Generator<FillerBytes> {
  for (let offset = from; offset < to;) {
    const segmentEnd = offset - (offset % segmentBytes) + segmentBytes;
    if (segmentEnd <= to) {
      const bytes = Buffer.alloc(Math.min(8, segmentEnd - offset));
      // Less than eight bytes at the end of a file are read as a blank as they are.
      if (bytes.length === 8) encodeBlank(bytes, 0, segmentEnd - offset);
      yield { offset, bytes };
      offset = segmentEnd;
      continue;
    }
    const sizeBytes = nextSize(to - offset);
    const bytes = Buffer.alloc(sizeBytes);
    const draft = { ...FILLER_DRAFT, body: Buffer.alloc(sizeBytes - MIN_RECORD_BYTES) };
    encoder.encode(draft, { physicalOffset: offset, queueOffset: 0, storeTimestampMs }, sizeBytes, bytes, 0);
    yield { offset, bytes };
    offset += sizeBytes;
  }
}

/** No larger than a message may be, and with enough left for the next one. */
function nextSize(restBytes: number): number {
  if (restBytes <= MAX_BODY_BYTES) return restBytes;
  return restBytes - MAX_BODY_BYTES >= MIN_RECORD_BYTES ? MAX_BODY_BYTES : MAX_BODY_BYTES - MIN_RECORD_BYTES;
}
