import fc from 'fast-check';

import { bodyCrc32, bodyCrc32At, viewOf } from '../../../lib/engine/store/crc32.js';
import { QUEUE_ENTRY_BYTES, writeQueueEntry } from '../../../lib/engine/store/consume-queue-format.js';
import { findProperty, formatProperties, parseProperties } from '../../../lib/engine/store/message-properties.js';
import { checkRecord } from '../../../lib/engine/store/record-checker.js';
import { RecordEncoder } from '../../../lib/engine/store/record-encoder.js';
import { readInt64, writeInt64 } from '../../../lib/engine/store/record-format.js';
import { offsetMessageId, StoredMessage } from '../../../lib/engine/store/stored-message.js';
import { TagsCodes } from '../../../lib/engine/store/tags-code.js';
import type { RecordDraft } from '../../../lib/engine/types/index.js';

const storeHost = Uint8Array.from([127, 0, 0, 1, 0, 0, 0x2a, 0x9f]);
const bornHost = Uint8Array.from([127, 0, 0, 1, 0, 0, 0xd3, 0xfe]);

function draft(changes: Partial<RecordDraft> = {}): RecordDraft {
  return {
    topic: 'TopicTest',
    queueId: 3,
    body: Buffer.from('Hello RocketMQ'),
    properties: formatProperties({ KEYS: 'K1', TAGS: 'TagA' }),
    tags: 'TagA',
    keys: 'K1',
    uniqKey: undefined,
    delayLevel: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestampMs: 1_700_000_000_000,
    bornHost,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    waitStoreMsgOK: true,
    ...changes,
  };
}

function encode(record: RecordDraft, physicalOffset = 4096, host = storeHost): Buffer {
  const encoder = new RecordEncoder(host);
  const sizeBytes = encoder.sizeBytes(record, Buffer.byteLength(record.properties));
  const bytes = Buffer.alloc(sizeBytes, 0xee);
  encoder.encode(record, { physicalOffset, queueOffset: 7, storeTimestampMs: 1_700_000_000_005 }, sizeBytes, bytes, 0);
  return bytes;
}

const hex = (text: string): string => text.replaceAll(/\s/g, '').toLowerCase();

describe('the record of the commit log', () => {
  it('is the golden record, byte for byte', () => {
    expect(encode(draft()).toString('hex')).toBe(
      hex(`00000084 DAA320A7 69C865ED 00000003 00000000 0000000000000007 0000000000001000 00000000 0000018BCFE56800 7F000001 0000D3FE
           0000018BCFE56805 7F000001 00002A9F 00000000 0000000000000000 0000000E
           48656C6C6F20526F636B65744D51 09 546F70696354657374 0012 4B455953014B3102 54414753015461674102`),
    );
  });

  it('reads back every field that was written', () => {
    const message = new StoredMessage(encode(draft()), 0, 'broker-a');
    expect(message.toJSON()).toEqual({
      topic: 'TopicTest',
      tags: 'TagA',
      keys: 'K1',
      msgId: '7F00000100002A9F0000000000001000',
      offsetMsgId: '7F00000100002A9F0000000000001000',
      brokerName: 'broker-a',
      queueId: 3,
      queueOffset: 7,
      commitLogOffset: 4096,
      storeSize: 132,
      sysFlag: 0,
      flag: 0,
      bodyCRC: 1_774_740_973,
      bornTimestamp: 1_700_000_000_000,
      bornHost: '127.0.0.1:54270',
      storeTimestamp: 1_700_000_000_005,
      storeHost: '127.0.0.1:10911',
      reconsumeTimes: 0,
      preparedTransactionOffset: 0,
      properties: { KEYS: 'K1', TAGS: 'TagA' },
      body: Buffer.from('Hello RocketMQ').toString('base64'),
    });
  });

  it('is version 2 for a topic of more than 127 characters', () => {
    const short = encode(draft({ topic: 't'.repeat(127) }));
    const long = encode(draft({ topic: 't'.repeat(128) }));
    expect(short.readUInt32BE(4)).toBe(0xdaa320a7);
    expect(long.readUInt32BE(4)).toBe(0xdaa320ab);
    expect(long.length - short.length).toBe(2);
    expect(new StoredMessage(long, 0, '').storedTopic).toBe('t'.repeat(128));
    expect(checkRecord(long, 0, long.length, 4096, 10_000).kind).toBe('record');
  });

  it('holds IPv6 hosts', () => {
    const v6 = Uint8Array.from([...Array.from({ length: 15 }, () => 0), 1, 0, 0, 0x2a, 0x9f]);
    const bytes = encode(draft({ bornHost: v6 }), 4096, v6);
    const message = new StoredMessage(bytes, 0, '');
    expect(message.sysFlag).toBe(0x30);
    expect(message.bornHost).toBe('[0:0:0:0:0:0:0:1]:10911');
    expect(message.body.toString()).toBe('Hello RocketMQ');
    expect(message.offsetMsgId).toHaveLength(56);
    expect(checkRecord(bytes, 0, bytes.length, 4096, 10_000).kind).toBe('record');
  });

  it('survives any body, properties and place', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((s) => !/[\u0000-\u0002]/.test(s));
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 3000 }),
        fc.dictionary(text, text, { maxKeys: 6 }),
        fc.nat(2 ** 45),
        (body, properties, physicalOffset) => {
          const bytes = encode(draft({ body, properties: formatProperties(properties) }), physicalOffset);
          expect(checkRecord(bytes, 0, bytes.length, physicalOffset, bytes.length)).toEqual({
            kind: 'record',
            sizeBytes: bytes.length,
          });
          const message = new StoredMessage(bytes, 0, '');
          expect(Buffer.compare(message.body, body)).toBe(0);
          expect({ ...message.properties }).toEqual(properties);
          expect(message.commitLogOffset).toBe(physicalOffset);
        },
      ),
    );
  });

  it('is refused when any byte of its frame or body is changed', () => {
    const good = encode(draft());
    // Flags, times, hosts and texts carry no checksum in RocketMQ's format; everything that frames the record does.
    const framed = [...range(0, 12), ...range(28, 36), ...range(84, 103), ...range(112, 114)];
    for (const at of framed) {
      const bad = Buffer.from(good);
      bad[at]! ^= 0x40;
      const check = checkRecord(bad, 0, bad.length, 4096, bad.length);
      expect([at, check.kind]).toEqual([at, expect.stringMatching(/invalid|more/)]);
    }
  });

  it('is refused by its head alone when a wrong bit makes it larger by more than topic and properties can take', () => {
    const good = encode(draft({ body: Buffer.alloc(1000) }));
    for (let have = 100; have < good.length; have += 100) {
      const head = good.subarray(0, have);
      expect(checkRecord(head, 0, have, 4096, 2 ** 30)).toEqual({ kind: 'more', sizeBytes: good.length });
      for (let bit = 17; bit < 30; bit++) {
        const bad = Buffer.from(head);
        bad.writeInt32BE(good.length ^ (1 << bit));
        expect(checkRecord(bad, 0, have, 4096, 2 ** 30).kind).toBe('invalid');
      }
      expect(checkRecord(head, 0, have, 8192, 2 ** 30).kind).toBe('invalid');
    }
  });

  it('is refused when the sector of its beginning is older than the next one, and lacks the store time', () => {
    const good = encode(draft());
    for (let kept = 48; kept <= 57; kept++) {
      for (let next = 64; next <= 76; next++) {
        const torn = Buffer.from(good).fill(0, kept, next);
        expect([kept, next, checkRecord(torn, 0, torn.length, 4096, torn.length).kind]).toEqual([
          kept,
          next,
          'invalid',
        ]);
      }
    }
    // A clock that begins at 0 gives its first records that time.
    const early = encode(draft({ bornTimestampMs: 0 })).fill(0, 56, 64);
    expect(checkRecord(early, 0, early.length, 4096, early.length).kind).toBe('record');
  });

  it('is refused when its end reads as zero, from any byte on', () => {
    const good = encode(draft());
    for (let kept = 8; kept < good.length; kept++) {
      const torn = Buffer.from(good).fill(0, kept);
      expect([kept, checkRecord(torn, 0, torn.length, 4096, torn.length).kind]).toEqual([kept, 'invalid']);
    }
  });

  it('is refused when any one byte of its topic or properties reads as zero, whatever stands beside it', () => {
    const text = fc.uint8Array({ min: 1, max: 255, minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(text, text, fc.nat(), (topic, properties, which) => {
        const parts = { topic: 't'.repeat(topic.length), properties: 'p'.repeat(properties.length) };
        const bytes = encode(draft(parts));
        const propertiesAt = bytes.length - properties.length;
        const topicAt = propertiesAt - 2 - topic.length;
        bytes.set(topic, topicAt);
        bytes.set(properties, propertiesAt);
        expect(checkRecord(bytes, 0, bytes.length, 4096, bytes.length).kind).toBe('record');
        const zeroed = which % (topic.length + properties.length);
        bytes[zeroed < topic.length ? topicAt + zeroed : propertiesAt + zeroed - topic.length] = 0;
        const check = checkRecord(bytes, 0, bytes.length, 4096, bytes.length);
        expect(check).toEqual({ kind: 'invalid', reason: 'topic or properties were not written whole' });
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['LZ4', 0x101],
    ['ZSTD', 0x201],
  ])('says so when its body is compressed with %s', (type, sysFlag) => {
    const message = new StoredMessage(encode(draft({ sysFlag })), 0, '');
    expect(() => message.body).toThrow(`compressed with ${type}`);
  });

  it('is not taken for data at another place of the log', () => {
    const bytes = encode(draft(), 4096);
    expect(checkRecord(bytes, 0, bytes.length, 8192, 10_000)).toMatchObject({ kind: 'invalid' });
  });
});

describe('the derived values', () => {
  it('has the golden checksums', () => {
    expect(bodyCrc32(Buffer.from('Hello RocketMQ'))).toBe(0x69c865ed);
    expect(bodyCrc32(Buffer.from('hello'))).toBe(0x3610a686);
  });

  it('has one checksum whatever way it is computed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 600 }), (bytes) => {
        let crc = -1;
        for (const byte of bytes) {
          crc ^= byte;
          for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
        }
        expect(bodyCrc32(bytes)).toBe((crc ^ -1) & 0x7fffffff);
        const longer = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('behind')]);
        expect(bodyCrc32At(longer, viewOf(longer), 6, bytes.length)).toBe(bodyCrc32(bytes));
      }),
    );
  });

  it('has the golden queue entry', () => {
    const entry = Buffer.alloc(QUEUE_ENTRY_BYTES);
    writeQueueEntry(entry, 0, 4096, 0x84, new TagsCodes([]).of('TopicTest', 'TagA', 0, 0));
    expect(entry.toString('hex')).toBe(hex('0000000000001000 00000084 000000000027A807'));
    writeQueueEntry(entry, 0, 0, 0, new TagsCodes([]).of('TopicTest', 'polygenelubricants', 0, 0));
    expect(entry.toString('hex', 12)).toBe(hex('FFFFFFFF80000000'));
  });

  it('has the golden offset message id', () => {
    expect(offsetMessageId(storeHost, 4096)).toBe('7F00000100002A9F0000000000001000');
  });

  it('keeps every safe integer in 64 bits', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const bytes = Buffer.alloc(8);
        writeInt64(bytes, value, 0);
        expect(readInt64(bytes, 0)).toBe(value);
        expect(bytes.readBigInt64BE(0)).toBe(BigInt(value));
      }),
    );
  });
});

describe('properties as text', () => {
  it('are read as RocketMQ reads them', () => {
    expect({ ...parseProperties('a\u0001b\u0002c\u0001d') }).toEqual({ a: 'b', c: 'd' });
    expect({ ...parseProperties('\u0001x\u0002a\u0001\u0002b\u00011\u0002b\u00012\u0002') }).toEqual({ b: '2' });
    expect({ ...parseProperties('') }).toEqual({});
  });

  it('give the same value to a look-up as to a full read', () => {
    const part = fc.constantFrom('a', 'b', 'ab', '\u0001', '\u0002', 'x');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 25 }), fc.constantFrom('a', 'b', 'ab'), (parts, name) => {
        const properties = parts
          .join('')
          .split('\u0002')
          .filter((pair) => pair.split('\u0001').length === 2)
          .map((pair) => `${pair}\u0002`)
          .join('');
        expect(findProperty(properties, name)).toBe(parseProperties(properties)[name]);
      }),
    );
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
