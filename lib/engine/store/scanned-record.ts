import { Property, SysFlag } from '../types/index.js';
import { viewOf } from './crc32.js';
import { getInt64, IPV4_HOST_BYTES, IPV6_HOST_BYTES, MAGIC_V2, RecordField } from './record-format.js';

const NAME_VALUE_SEPARATOR = 1;
const PROPERTY_SEPARATOR = 2;

/** A part of the bytes; empty: it is not there. */
export class ByteRange {
  start = 0;
  end = 0;

  get isEmpty(): boolean {
    return this.start === this.end;
  }

  set(start: number, end: number): void {
    this.start = start;
    this.end = end;
  }
}

/**
 * The record that a scan of the log has come to: what queues and index need of it, found in its bytes without an object or a text for each. One of these serves
 * for all records of a scan. For messages that somebody is to see there is `StoredMessage`.
 */
export class ScannedRecord {
  bytes: Buffer = Buffer.alloc(0);
  readonly topic = new ByteRange();
  readonly uniqKey = new ByteRange();
  readonly keys = new ByteRange();
  readonly tags = new ByteRange();
  readonly delay = new ByteRange();
  sysFlag = 0;
  storeTimestampMs = 0;
  #view = viewOf(this.bytes);
  #at = 0;

  /** @param bytes hold a whole record from `at` on, which has been checked */
  moveTo(bytes: Buffer, at: number): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.#view = viewOf(bytes);
    }
    const view = this.#view;
    this.#at = at;
    this.sysFlag = view.getInt32(at + RecordField.SYS_FLAG);
    const bornHostBytes = this.sysFlag & SysFlag.BORN_HOST_V6 ? IPV6_HOST_BYTES : IPV4_HOST_BYTES;
    const storeHostBytes = this.sysFlag & SysFlag.STORE_HOST_V6 ? IPV6_HOST_BYTES : IPV4_HOST_BYTES;
    const storeTimestampAt = at + RecordField.BORN_HOST + bornHostBytes;
    this.storeTimestampMs = getInt64(view, storeTimestampAt);
    const bodyLengthAt = storeTimestampAt + 8 + storeHostBytes + 12;
    let topicAt = bodyLengthAt + 4 + view.getInt32(bodyLengthAt);
    let topicBytes: number;
    if (view.getInt32(at + RecordField.MAGIC) === MAGIC_V2) {
      topicBytes = view.getInt16(topicAt);
      topicAt += 2;
    } else {
      topicBytes = view.getInt8(topicAt);
      topicAt += 1;
    }
    this.topic.set(topicAt, topicAt + topicBytes);
    const propertiesAt = topicAt + topicBytes + 2;
    this.#findProperties(propertiesAt, propertiesAt + view.getInt16(propertiesAt - 2));
  }

  get queueId(): number {
    return this.#view.getInt32(this.#at + RecordField.QUEUE_ID);
  }

  get queueOffset(): number {
    return getInt64(this.#view, this.#at + RecordField.QUEUE_OFFSET);
  }

  textOf({ start, end }: ByteRange): string {
    return this.bytes.toString('utf8', start, end);
  }

  /** By the rules of `parseProperties`: pairs with an empty name or value are dropped, of several values of one name the last one counts. */
  #findProperties(from: number, to: number): void {
    this.uniqKey.set(0, 0);
    this.keys.set(0, 0);
    this.tags.set(0, 0);
    this.delay.set(0, 0);
    const { bytes } = this;
    let start = from;
    let separator = -1;
    for (let i = from; i <= to; i++) {
      const byte = i < to ? bytes[i] : PROPERTY_SEPARATOR;
      if (byte === NAME_VALUE_SEPARATOR) {
        if (separator < 0) separator = i;
      } else if (byte === PROPERTY_SEPARATOR) {
        if (separator > start && separator < i - 1) this.#rangeOf(start, separator)?.set(separator + 1, i);
        start = i + 1;
        separator = -1;
      }
    }
  }

  /** Where the value goes whose name stands there; undefined: nobody asks for it. */
  #rangeOf(start: number, end: number): ByteRange | undefined {
    switch (end - start) {
      case KEYS.length:
        return this.#isAt(start, KEYS) ? this.keys : this.#isAt(start, TAGS) ? this.tags : undefined;
      case UNIQ_KEY.length:
        return this.#isAt(start, UNIQ_KEY) ? this.uniqKey : undefined;
      case DELAY.length:
        return this.#isAt(start, DELAY) ? this.delay : undefined;
      default:
        return undefined;
    }
  }

  #isAt(start: number, name: Uint8Array): boolean {
    for (let i = 0; i < name.length; i++) if (this.bytes[start + i] !== name[i]) return false;
    return true;
  }
}

const KEYS = Buffer.from(Property.KEYS);
const TAGS = Buffer.from(Property.TAGS);
const UNIQ_KEY = Buffer.from(Property.UNIQ_KEY);
const DELAY = Buffer.from(Property.DELAY);
