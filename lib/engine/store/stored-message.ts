import { inflateSync } from 'node:zlib';

import { CompressionUnsupportedError, StoreCorruptError } from '../../errors/index.js';
import { Property, RETRY_TOPIC_PREFIX, SysFlag, type StoredRecord } from '../types/index.js';
import { HEX_OF_BYTE } from './hex.js';
import { findProperty, parseProperties, type MessageProperties } from './message-properties.js';
import { IPV4_HOST_BYTES, IPV6_HOST_BYTES, MAGIC_V2, readInt64, RecordField } from './record-format.js';

/** Types of compression (`CompressionType`). What is neither is zlib. */
const LZ4 = 0x100;
const ZSTD = 0x200;

/**
 * One record of the commit log as a message: a view of its bytes that reads a field when it is asked for, because most
 * consumers need three of them. It keeps the memory of the batch alive that it came with: at most 256 KiB, or one large message.
 */
export class StoredMessage implements StoredRecord {
  readonly brokerName: string;
  readonly sysFlag: number;
  readonly #bytes: Buffer;
  readonly #at: number;
  /** Where the field after the store timestamp lies, relative to the record: hosts differ in length. */
  readonly #storeHostAt: number;
  readonly #bodyLengthAt: number;
  readonly #propertiesAt: number;
  readonly storedTopic: string;
  #propertiesText: string | undefined;
  #properties: MessageProperties | undefined;

  /**
   * @param bytes hold the whole record from `at` on; the caller has checked it, or wrote it itself
   * @param knownTopic the stored topic, if the caller knows it
   */
  constructor(bytes: Buffer, at: number, brokerName: string, knownTopic?: string) {
    this.#bytes = bytes;
    this.#at = at;
    this.brokerName = brokerName;
    this.sysFlag = bytes.readInt32BE(at + RecordField.SYS_FLAG);
    const bornHostBytes = this.sysFlag & SysFlag.BORN_HOST_V6 ? IPV6_HOST_BYTES : IPV4_HOST_BYTES;
    const storeHostBytes = this.sysFlag & SysFlag.STORE_HOST_V6 ? IPV6_HOST_BYTES : IPV4_HOST_BYTES;
    this.#storeHostAt = at + RecordField.BORN_HOST + bornHostBytes + 8;
    this.#bodyLengthAt = this.#storeHostAt + storeHostBytes + 12;
    let topicAt = this.#bodyLengthAt + 4 + bytes.readInt32BE(this.#bodyLengthAt);
    let topicBytes: number;
    if (bytes.readInt32BE(at + RecordField.MAGIC) === MAGIC_V2) {
      topicBytes = bytes.readInt16BE(topicAt);
      topicAt += 2;
    } else {
      topicBytes = bytes.readInt8(topicAt);
      topicAt += 1;
    }
    this.#propertiesAt = topicAt + topicBytes;
    this.storedTopic = knownTopic ?? bytes.toString('latin1', topicAt, topicAt + topicBytes);
  }

  get topic(): string {
    if (!this.storedTopic.startsWith(RETRY_TOPIC_PREFIX)) return this.storedTopic;
    return this.#property(Property.RETRY_TOPIC) ?? this.storedTopic;
  }

  get storedBody(): Buffer {
    const length = this.#bytes.readInt32BE(this.#bodyLengthAt);
    return this.#bytes.subarray(this.#bodyLengthAt + 4, this.#bodyLengthAt + 4 + length);
  }

  get body(): Buffer {
    return this.sysFlag & SysFlag.COMPRESSED ? this.#inflated() : this.storedBody;
  }

  get propertiesText(): string {
    if (this.#propertiesText === undefined) {
      const length = this.#bytes.readInt16BE(this.#propertiesAt);
      this.#propertiesText = this.#bytes.toString('utf8', this.#propertiesAt + 2, this.#propertiesAt + 2 + length);
    }
    return this.#propertiesText;
  }

  get properties(): Readonly<MessageProperties> {
    this.#properties ??= parseProperties(this.propertiesText);
    return this.#properties;
  }

  get tags(): string | undefined {
    return this.#property(Property.TAGS);
  }

  get keys(): string | undefined {
    return this.#property(Property.KEYS);
  }

  get msgId(): string {
    return this.#property(Property.UNIQ_KEY) ?? this.offsetMsgId;
  }

  get transactionId(): string | undefined {
    return this.#property(Property.TRANSACTION_ID);
  }

  get offsetMsgId(): string {
    return offsetMessageId(this.#storeHostBytes, this.commitLogOffset);
  }

  get storeSize(): number {
    return this.#bytes.readInt32BE(this.#at + RecordField.TOTAL_SIZE);
  }

  get bodyCRC(): number {
    return this.#bytes.readInt32BE(this.#at + RecordField.BODY_CRC);
  }

  get queueId(): number {
    return this.#bytes.readInt32BE(this.#at + RecordField.QUEUE_ID);
  }

  get flag(): number {
    return this.#bytes.readInt32BE(this.#at + RecordField.FLAG);
  }

  get queueOffset(): number {
    return readInt64(this.#bytes, this.#at + RecordField.QUEUE_OFFSET);
  }

  get commitLogOffset(): number {
    return readInt64(this.#bytes, this.#at + RecordField.PHYSICAL_OFFSET);
  }

  get bornTimestamp(): number {
    return readInt64(this.#bytes, this.#at + RecordField.BORN_TIMESTAMP);
  }

  get bornHostBytes(): Buffer {
    return this.#bytes.subarray(this.#at + RecordField.BORN_HOST, this.#storeHostAt - 8);
  }

  get bornHost(): string {
    return hostText(this.bornHostBytes);
  }

  get storeTimestamp(): number {
    return readInt64(this.#bytes, this.#storeHostAt - 8);
  }

  get storeHost(): string {
    return hostText(this.#storeHostBytes);
  }

  get reconsumeTimes(): number {
    return this.#bytes.readInt32BE(this.#bodyLengthAt - 12);
  }

  get preparedTransactionOffset(): number {
    return readInt64(this.#bytes, this.#bodyLengthAt - 8);
  }

  /** All fields as plain data, the body in base64: for JSON and for logs. */
  toJSON(): Record<string, unknown> {
    return {
      topic: this.topic,
      tags: this.tags,
      keys: this.keys,
      msgId: this.msgId,
      offsetMsgId: this.offsetMsgId,
      brokerName: this.brokerName,
      queueId: this.queueId,
      queueOffset: this.queueOffset,
      commitLogOffset: this.commitLogOffset,
      storeSize: this.storeSize,
      sysFlag: this.sysFlag,
      flag: this.flag,
      bodyCRC: this.bodyCRC,
      bornTimestamp: this.bornTimestamp,
      bornHost: this.bornHost,
      storeTimestamp: this.storeTimestamp,
      storeHost: this.storeHost,
      reconsumeTimes: this.reconsumeTimes,
      preparedTransactionOffset: this.preparedTransactionOffset,
      properties: this.properties,
      body: this.body.toString('base64'),
    };
  }

  /** @throws CompressionUnsupportedError another client compressed it in a way that Node can't undo */
  #inflated(): Buffer {
    const type = this.sysFlag & SysFlag.COMPRESSION_TYPE;
    if (type === LZ4 || type === ZSTD) {
      throw new CompressionUnsupportedError({ msgId: this.msgId, type: type === LZ4 ? 'LZ4' : 'ZSTD' });
    }
    try {
      return inflateSync(this.storedBody);
    } catch (error) {
      // The body's checksum is right, so the flag that says that it is compressed is not.
      const reason = 'the body of the record that begins there is marked as compressed, and is not';
      throw new StoreCorruptError({ file: 'commitlog', offset: this.commitLogOffset, reason }, error);
    }
  }

  get #storeHostBytes(): Buffer {
    return this.#bytes.subarray(this.#storeHostAt, this.#bodyLengthAt - 12);
  }

  #property(name: string): string | undefined {
    return this.#properties === undefined ? findProperty(this.propertiesText, name) : this.#properties[name];
  }
}

/** Address and port, then the offset in the commit log, in upper-case hex (`MessageDecoder.createMessageId`). */
export function offsetMessageId(storeHost: Uint8Array, physicalOffset: number): string {
  return offsetMessageIds(storeHost)(physicalOffset);
}

/** Makes the ids of one broker's records. What is the same in one and the next, all but the last two bytes, is kept. */
export function offsetMessageIds(storeHost: Uint8Array): (physicalOffset: number) => string {
  const prefix = hostPrefixOf(storeHost);
  let lastHigh = -1;
  let start = '';
  return (physicalOffset) => {
    const high = Math.floor(physicalOffset / 65_536);
    if (high !== lastHigh) {
      lastHigh = high;
      start = prefix + high.toString(16).toUpperCase().padStart(12, '0');
    }
    const low = physicalOffset - high * 65_536;
    return start + HEX_OF_BYTE[low >>> 8]! + HEX_OF_BYTE[low & 255]!;
  };
}

function hostPrefixOf(storeHost: Uint8Array): string {
  return Buffer.from(storeHost).toString('hex').toUpperCase();
}

/** `127.0.0.1:10911`, `[::1]:10911`. */
function hostText(host: Buffer): string {
  const addressBytes = host.length - 4;
  const port = host.readInt32BE(addressBytes);
  if (addressBytes === 4) return `${host[0]}.${host[1]}.${host[2]}.${host[3]}:${port}`;
  const groups = Array.from({ length: 8 }, (_, i) => host.readUInt16BE(i * 2).toString(16));
  return `[${groups.join(':')}]:${port}`;
}
