import fc from 'fast-check';
import { RocketMessage } from '../../lib/converter/index.js';
import { batchSizeOf } from '../../lib/engine/index.js';
import { MessageIllegalError, MessageTooLargeError, PayloadError, UnknownOptionError } from '../../lib/errors/index.js';
import { BatchSplitter, type BatchSplitterOptions } from '../../lib/template/batch-splitter.js';
import { composeBatch, type MessageBatch } from '../../lib/template/message-batch.js';
import { DefaultMessageConverter } from '../../lib/converter/index.js';

const MIB = 1024 * 1024;

function sizeOf(batch: MessageBatch, options: BatchSplitterOptions = {}): number {
  const composed = composeBatch('orders:paid', batch, options.sendOptions ?? {}, new DefaultMessageConverter());
  return composed.reduce((sum, message) => sum + batchSizeOf(message), 0);
}

const split = (messages: MessageBatch, options?: BatchSplitterOptions): MessageBatch[] => [
  ...new BatchSplitter('orders:paid', messages, options),
];

describe('a list of messages', () => {
  const message = fc
    .tuple(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'ü'), fc.constantFrom('1', 'ß', 'x'.repeat(90))),
    )
    .map(([body, headers]) => new RocketMessage(body, headers));

  it('is split into the same messages in the same order, each part within the limit and as full as can be', () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1000, max: 3000 }),
        (messages, maxSizeBytes) => {
          const options = { maxSizeBytes, sendOptions: { hashKey: 'ä' } };
          const parts = split(messages, options);
          expect(parts.flat()).toEqual(messages);
          for (const [index, part] of parts.entries()) {
            expect(part.length).toBeGreaterThan(0);
            expect(sizeOf(part, options)).toBeLessThanOrEqual(maxSizeBytes);
            const next = parts[index + 1]?.[0];
            if (next !== undefined) expect(sizeOf([...part, next], options)).toBeGreaterThan(maxSizeBytes);
          }
        },
      ),
    );
  });

  it('is kept under 4 MiB when no other limit is named, properties and the fields of each message included', () => {
    // 22 bytes of fixed fields, UNIQ_KEY (42), TAGS (10) and contentType (37): the rest of 1 MiB is the body.
    const fitting = Buffer.alloc(MIB - 22 - 42 - 10 - 37);
    const four = Array.from({ length: 4 }, () => new RocketMessage(fitting));
    expect(sizeOf(four)).toBe(4 * MIB);
    expect(split(four).map((part) => part.length)).toEqual([4]);
    const oneByteMore = [...four.slice(1), new RocketMessage(Buffer.alloc(fitting.length + 1))];
    expect(split(oneByteMore).map((part) => part.length)).toEqual([3, 1]);
  });

  it('leaves room in each message for what is added when it is sent', () => {
    const messages = Array.from({ length: 4 }, () => new RocketMessage('x'));
    const maxSizeBytes = sizeOf(messages);
    expect(split(messages, { maxSizeBytes }).map((part) => part.length)).toEqual([4]);
    const addedBytesPerMessage = Math.ceil((maxSizeBytes + 1) / 3 - maxSizeBytes / 4);
    expect(split(messages, { maxSizeBytes, addedBytesPerMessage }).map((part) => part.length)).toEqual([2, 2]);
    expect(() => split(messages, { addedBytesPerMessage: -1 })).toThrow(MessageIllegalError);
  });

  it('is looked at batch by batch', () => {
    const parts = new BatchSplitter('t', [new RocketMessage('x'), new RocketMessage(1n)], { maxSizeBytes: 150 })[
      Symbol.iterator
    ]();
    expect(() => parts.next()).toThrow(PayloadError);
  });

  it.each<[string, () => unknown, new (...args: never[]) => Error]>([
    ['is empty', () => split([]), MessageIllegalError],
    ['is no list', () => split('abc' as never), MessageIllegalError],
    ['holds payloads', () => split(['x'] as never), MessageIllegalError],
    ['holds messages and payloads', () => split([new RocketMessage('x'), 'x'] as never), MessageIllegalError],
    [
      'holds a message over the limit',
      () => split([new RocketMessage('x'.repeat(999))], { maxSizeBytes: 1000 }),
      MessageTooLargeError,
    ],
    ['holds a delayed message', () => split([new RocketMessage('x', { DELAY: 3 })]), MessageIllegalError],
    ['is to be split at 0 bytes', () => split([new RocketMessage('x')], { maxSizeBytes: 0 }), MessageIllegalError],
    [
      'is to be split above 4 MiB',
      () => split([new RocketMessage('x')], { maxSizeBytes: 4 * MIB + 1 }),
      MessageIllegalError,
    ],
    [
      'comes with a mistyped option',
      () => split([new RocketMessage('x')], { maxSize: 1 } as never),
      UnknownOptionError,
    ],
  ])('is refused with a named error when it %s', (_how, work, type) => {
    expect(work).toThrow(type);
  });
});
