import fc from 'fast-check';

import { hashKeyUtf8, IndexKeys, indexTopicHash } from '../../../lib/engine/store/index-keys.js';
import { javaStringHash } from '../../../lib/engine/store/java-hash.js';
import { RecordEncoder } from '../../../lib/engine/store/record-encoder.js';
import { type ByteRange, ScannedRecord } from '../../../lib/engine/store/scanned-record.js';
import { StoredMessage } from '../../../lib/engine/store/stored-message.js';
import { TagsCodes } from '../../../lib/engine/store/tags-code.js';
import { SCHEDULE_TOPIC } from '../../../lib/engine/types/index.js';
import { testDraft } from '../../support/test-store.js';

const IPV4 = Uint8Array.from([127, 0, 0, 1, 0, 0, 0x2a, 0x9f]);
const IPV6 = Uint8Array.from([...Array.from({ length: 15 }, () => 0), 1, 0, 0, 0x2a, 0x9f]);
const DELAYS_MS = [1000, 5000];

/** What properties are made of, and what they are not: separators in the wrong place, names that begin alike, text cut in the middle of a character. */
const piece = fc
  .oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom(
        'KEYS',
        'TAGS',
        'DELAY',
        'UNIQ_KEY',
        'KEY',
        'TAGS2',
        'WAIT',
        '__proto__',
        'polygenelubricants',
      ),
    },
    { weight: 8, arbitrary: fc.constantFrom('\u0001', '\u0002', '\u0001', '\u0002', ' ') },
    { weight: 4, arbitrary: fc.constantFrom('1', '2', '0', 'ä', '中', '😀', 'k1') },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
  )
  .map((text) => Buffer.from(text));
const cut = fc.constantFrom(Buffer.from([0xe4]), Buffer.from([0xf0, 0x9f]), Buffer.from([0x80]), Buffer.from([0xff]));
const properties = fc
  .array(fc.oneof({ weight: 20, arbitrary: piece }, { weight: 1, arbitrary: cut }), { maxLength: 30 })
  .map((pieces) => Buffer.concat(pieces));
const wellFormed = fc
  .array(
    fc.tuple(fc.constantFrom('KEYS', 'TAGS', 'DELAY', 'UNIQ_KEY', 'a'), fc.constantFrom('1', '2', 'ä b', 'Aa', '')),
  )
  .map((pairs) => Buffer.from(pairs.map(([name, value]) => `${name}\u0001${value}\u0002`).join('')));

const record = fc.record({
  topic: fc.oneof(fc.constantFrom('t', SCHEDULE_TOPIC, 'Aa', 'BB'), fc.constant('long'.repeat(40))),
  properties: fc.oneof(properties, wellFormed),
  body: fc.uint8Array({ maxLength: 40 }),
  bornHost: fc.constantFrom(IPV4, IPV6),
  storeHost: fc.constantFrom(IPV4, IPV6),
  queueId: fc.nat({ max: 70_000 }),
  queueOffset: fc.nat({ max: 2 ** 50 }),
  storeTimestampMs: fc.nat({ max: 2 ** 45 }),
  sysFlag: fc.constantFrom(0, 4, 8, 12, 1),
  before: fc.nat({ max: 9 }),
});

/** The record behind some other bytes. Its properties are put in as bytes, because not all of them are the bytes of a text. */
function encode(wanted: typeof record extends fc.Arbitrary<infer T> ? T : never): Buffer {
  const { queueOffset, storeTimestampMs, before, storeHost, properties: propertiesBytes, ...rest } = wanted;
  const encoder = new RecordEncoder(storeHost);
  const draft = testDraft('', { ...rest, properties: 'x'.repeat(propertiesBytes.length) });
  const sizeBytes = encoder.sizeBytes(draft, propertiesBytes.length);
  const bytes = Buffer.alloc(before + sizeBytes + 5, 0xee);
  encoder.encode(draft, { physicalOffset: 4096, queueOffset, storeTimestampMs }, sizeBytes, bytes, before);
  propertiesBytes.copy(bytes, before + sizeBytes - propertiesBytes.length);
  return bytes;
}

describe('a record that a scan has come to', () => {
  it('has the same topic, numbers and properties as the message that is made of it', () => {
    const scanned = new ScannedRecord();
    const textOf = (range: ByteRange): string | undefined => (range.isEmpty ? undefined : scanned.textOf(range));
    fc.assert(
      fc.property(record, (wanted) => {
        const bytes = encode(wanted);
        const message = new StoredMessage(bytes, wanted.before, '');
        scanned.moveTo(bytes, wanted.before);
        const { KEYS, TAGS, DELAY, UNIQ_KEY } = message.properties;
        expect({
          topic: textOf(scanned.topic),
          keys: textOf(scanned.keys),
          tags: textOf(scanned.tags),
          delay: textOf(scanned.delay),
          uniqKey: textOf(scanned.uniqKey),
          sysFlag: scanned.sysFlag,
          queueId: scanned.queueId,
          queueOffset: scanned.queueOffset,
          storeTimestampMs: scanned.storeTimestampMs,
        }).toEqual({
          topic: message.storedTopic,
          keys: KEYS,
          tags: TAGS,
          delay: DELAY,
          uniqKey: UNIQ_KEY,
          sysFlag: message.sysFlag,
          queueId: message.queueId,
          queueOffset: message.queueOffset,
          storeTimestampMs: message.storeTimestamp,
        });
      }),
      { numRuns: 2000 },
    );
  });

  it('has the same tagsCode and hashes of keys as the message when it was sent', () => {
    const scanned = new ScannedRecord();
    const tagsCodes = new TagsCodes(DELAYS_MS);
    const keys = new IndexKeys();
    fc.assert(
      fc.property(record, (wanted) => {
        const bytes = encode(wanted);
        const { properties: read, storeTimestamp } = new StoredMessage(bytes, wanted.before, '');
        scanned.moveTo(bytes, wanted.before);
        const delayLevel = Number(read['DELAY'] ?? 0);
        expect(tagsCodes.ofScanned(wanted.topic, scanned)).toBe(
          tagsCodes.of(wanted.topic, read['TAGS'], delayLevel, storeTimestamp),
        );
        const { start, end } = scanned.uniqKey;
        if (end === start) return;
        const topicHash = indexTopicHash(javaStringHash(wanted.topic));
        expect(hashKeyUtf8(topicHash, bytes, start, end)).toBe(keys.hash(wanted.topic, read['UNIQ_KEY']!));
      }),
      { numRuns: 2000 },
    );
  });
});
