import {
  FilterSyntaxError,
  MessageIllegalError,
  MessageTooLargeError,
  NameIllegalError,
  PayloadError,
  RocketMessage,
  TimerDelayTooLongError,
  UnknownOptionError,
  type MessageBatch,
  type RocketTemplate,
} from '../../lib/index.js';
import { expectNothingWritten } from './nothing-written.js';
import { ManualWorld, type RocketApp } from './rocket-app.js';

type ErrorType = new (...args: never[]) => Error;
type BadCall = [what: string, call: (template: RocketTemplate) => Promise<unknown>, type: ErrorType];

const DAY_MS = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;

const cycle = (): object => {
  const node: { self?: object } = {};
  node.self = node;
  return node;
};
/** contentType and UNIQ_KEY, which each of these messages has, take 37 and 42 bytes; the names and separators of two properties 6. */
const propertiesOfBytes = (bytes: number): Record<string, string> => {
  const rest = bytes - 37 - 42 - 6;
  return { a: 'x'.repeat(Math.floor(rest / 2)), b: 'x'.repeat(Math.ceil(rest / 2)) };
};
const batchOf = (...payloads: readonly unknown[]): MessageBatch => payloads.map((each) => new RocketMessage(each));

describe('a bad call is refused with a named error before anything is written:', () => {
  let app: RocketApp;

  beforeAll(async () => {
    app = await new ManualWorld().start({});
  });

  afterAll(() => app.close());

  const refuses = (calls: readonly BadCall[]): void => {
    it.each(calls)('%s', async (_what, call, type) => {
      await expectNothingWritten(app, () => expect(call(app.template)).rejects.toThrow(type));
    });
  };

  describe('names:', () => {
    refuses([
      ...Array.from(' .,:;/\\@#$&*()[]{}!?~^<>="+\'`ä💥\u0000').flatMap((character): BadCall[] =>
        character === ':'
          ? []
          : [
              [
                `the character ${JSON.stringify(character)} in a topic`,
                (template) => template.syncSend(`a${character}b`, 'x'),
                NameIllegalError,
              ],
            ],
      ),
      ['a topic of 128 characters', (template) => template.syncSend('a'.repeat(128), 'x'), NameIllegalError],
      ['no topic', (template) => template.syncSend('', 'x'), MessageIllegalError],
      ['a tag without a topic', (template) => template.syncSend(':tag', 'x'), MessageIllegalError],
      ['a colon without a tag', (template) => template.syncSend('t:', 'x'), MessageIllegalError],
      ['a destination that is no text', (template) => template.syncSend(7 as never, 'x'), MessageIllegalError],
      ['two tags', (template) => template.syncSend('t:a||b', 'x'), MessageIllegalError],
      ...[
        'SCHEDULE_TOPIC_XXXX',
        'RMQ_SYS_TRANS_HALF_TOPIC',
        'RMQ_SYS_TRANS_OP_HALF_TOPIC',
        'TRANS_CHECK_MAX_TIME_TOPIC',
        'rmq_sys_wheel_timer',
        'SELF_TEST_TOPIC',
        'OFFSET_MOVED_EVENT',
      ].map((topic): BadCall => [
        `the broker's topic ${topic}`,
        (template) => template.syncSend(topic, 'x'),
        NameIllegalError,
      ]),
    ]);
  });

  describe('bodies and payloads:', () => {
    refuses([
      ['an empty text', (template) => template.syncSend('t', ''), MessageIllegalError],
      ['an empty Buffer', (template) => template.syncSend('t', Buffer.alloc(0)), MessageIllegalError],
      [
        'a body one byte over the limit',
        (template) => template.syncSend('t', Buffer.alloc(4 * MIB + 1)),
        MessageTooLargeError,
      ],
      ['nothing', (template) => template.syncSend('t', undefined), PayloadError],
      ['null', (template) => template.syncSend('t', null), PayloadError],
      ['a message without a payload', (template) => template.syncSend('t', new RocketMessage(undefined)), PayloadError],
      ['a cycle', (template) => template.syncSend('t', cycle()), PayloadError],
      ['a BigInt', (template) => template.syncSend('t', 7n), PayloadError],
      ['a BigInt within', (template) => template.syncSend('t', { amount: 7n }), PayloadError],
      ['a Map', (template) => template.syncSend('t', { prices: new Map() }), PayloadError],
      ['NaN', (template) => template.syncSend('t', Number.NaN), PayloadError],
      ['a function', (template) => template.syncSend('t', () => 'x'), PayloadError],
      ['a payload to send', (template) => template.send('t', 'x' as never), MessageIllegalError],
    ]);
  });

  describe('properties, keys and tags:', () => {
    const separators = ['\u0000', '\u0001', '\u0002'];
    refuses([
      [
        'properties of 32,768 bytes',
        (template) => template.convertAndSend('t2', 'x', propertiesOfBytes(32_768)),
        MessageTooLargeError,
      ],
      [
        'properties that a delay makes too large',
        (template) => template.syncSend('probe', 'x', { delayMs: 5, headers: propertiesOfBytes(32_767) }),
        MessageTooLargeError,
      ],
      [
        'properties that a delay level makes too large',
        (template) => template.syncSend('probe', 'x', { delayLevel: 1, headers: propertiesOfBytes(32_767) }),
        MessageTooLargeError,
      ],
      ...[
        'UNIQ_KEY',
        'REAL_TOPIC',
        'TRAN_MSG',
        'PGROUP',
        'MIN_OFFSET',
        'TIMER_DELAY_MS',
        'TIMER_DELIVER_MS',
        'CORRELATION_ID',
        '__SHARDINGKEY',
        'INNER_NUM',
      ].map((name): BadCall => [
        `the reserved property ${name}`,
        (template) => template.convertAndSend('t', 'x', { [name]: '1' }),
        MessageIllegalError,
      ]),
      ['a blank property', (template) => template.convertAndSend('t', 'x', { tenant: ' ' }), MessageIllegalError],
      ['a property without a name', (template) => template.convertAndSend('t', 'x', { '': 'a' }), MessageIllegalError],
      [
        'a property that has no text',
        (template) => template.convertAndSend('t', 'x', { user: { id: 1 } }),
        MessageIllegalError,
      ],
      ...separators.flatMap((separator): BadCall[] => {
        const text = `a${separator}b`;
        const name = JSON.stringify(separator);
        return [
          [`${name} in the keys`, (template) => template.syncSend('t', 'x', { keys: text }), MessageIllegalError],
          [
            `${name} in a property's name`,
            (template) => template.convertAndSend('t', 'x', { [text]: '1' }),
            MessageIllegalError,
          ],
          [
            `${name} in a property's value`,
            (template) => template.convertAndSend('t', 'x', { name: text }),
            MessageIllegalError,
          ],
          [`${name} in the tag`, (template) => template.syncSend(`t:${text}`, 'x'), MessageIllegalError],
          [`${name} in the hash key`, (template) => template.syncSendOrderly('t', 'x', text), MessageIllegalError],
        ];
      }),
      [
        'a space in one of several keys',
        (template) => template.syncSend('t', 'x', { keys: ['a b'] }),
        MessageIllegalError,
      ],
      ['an empty key', (template) => template.syncSend('t', 'x', { keys: [''] }), MessageIllegalError],
      ['two different tags', (template) => template.syncSend('t:a', 'x', { tags: 'b' }), MessageIllegalError],
      ['a flag over 32 bits', (template) => template.syncSend('t', 'x', { flag: 2 ** 31 }), MessageIllegalError],
      ['a mistyped option', (template) => template.syncSend('t', 'x', { timeout: 5 } as never), UnknownOptionError],
      ['options that are null', (template) => template.syncSend('t', 'x', null as never), MessageIllegalError],
    ]);
  });

  describe('timeouts and one-way sends:', () => {
    refuses([
      ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY].flatMap((timeoutMs): BadCall[] => [
        [`a timeout of ${timeoutMs}`, (template) => template.syncSend('t', 'x', timeoutMs), MessageIllegalError],
        [`a timeoutMs of ${timeoutMs}`, (template) => template.syncSend('t', 'x', { timeoutMs }), MessageIllegalError],
        [
          `an orderly timeout of ${timeoutMs}`,
          (template) => template.syncSendOrderly('t', 'x', 'k', timeoutMs),
          MessageIllegalError,
        ],
      ]),
      [
        'a timeout of a one-way send',
        (template) => template.sendOneWay('t', 'x', { timeoutMs: 5 } as never),
        UnknownOptionError,
      ],
      ['a one-way send of nothing', (template) => template.sendOneWay('t', null), PayloadError],
      ['a one-way send to an illegal topic', (template) => template.sendOneWay('a b', 'x'), NameIllegalError],
    ]);
  });

  describe('hash keys:', () => {
    refuses(
      [undefined, null, '', ' ', 7, {}].flatMap((given): BadCall[] => {
        const hashKey = given as string;
        const what = JSON.stringify(given) ?? 'undefined';
        return [
          [
            `${what} in syncSendOrderly`,
            (template) => template.syncSendOrderly('t', 'x', hashKey),
            MessageIllegalError,
          ],
          [
            `${what} in sendOneWayOrderly`,
            (template) => template.sendOneWayOrderly('t', 'x', hashKey),
            MessageIllegalError,
          ],
          [`${what} in options`, (template) => template.syncSend('t', 'x', { hashKey }), MessageIllegalError],
          [
            `${what} in asyncSendOrderly`,
            (template) =>
              new Promise((onSuccess, onException) => {
                template.asyncSendOrderly('t', 'x', hashKey, { onSuccess, onException });
              }),
            MessageIllegalError,
          ],
        ];
      }),
    );
    refuses([
      [
        'two different ones',
        (template) => template.syncSendOrderly('t', 'x', 'k', { hashKey: 'l' }),
        MessageIllegalError,
      ],
      [
        'a selector that is none',
        (template) => template.syncSend('t', 'x', { selectQueue: 'first' as never }),
        MessageIllegalError,
      ],
    ]);
  });

  describe('batches:', () => {
    refuses([
      ['an empty one', (template) => template.syncSend('t', []), MessageIllegalError],
      ['an empty orderly one', (template) => template.syncSendOrderly('t', [], 'k'), MessageIllegalError],
      ['an empty one-way one', (template) => template.sendOneWay('t', []), MessageIllegalError],
      [
        'messages and payloads',
        (template) => template.syncSend('t', [new RocketMessage('a'), 'b']),
        MessageIllegalError,
      ],
      ['messages and null', (template) => template.syncSend('t', [new RocketMessage('a'), null]), MessageIllegalError],
      ['a payload that is null', (template) => template.syncSend('t', batchOf('a', null)), PayloadError],
      ['an empty body', (template) => template.syncSend('t', batchOf('a', '')), MessageIllegalError],
      [
        'a delayed message',
        (template) => template.syncSend('t', [new RocketMessage('a'), new RocketMessage('b', { DELAY: 1 })]),
        MessageIllegalError,
      ],
      ['a delay level', (template) => template.syncSend('t', batchOf('a', 'b'), 3000, 1), MessageIllegalError],
      ['a delay', (template) => template.syncSend('t', batchOf('a', 'b'), { delayMs: 5 }), MessageIllegalError],
      [
        'a time',
        (template) => template.syncSend('t', batchOf('a', 'b'), { deliverAt: DAY_MS } as never),
        MessageIllegalError,
      ],
      [
        'different waits',
        (template) =>
          template.syncSend('t', [new RocketMessage('a', { WAIT_STORE_MSG_OK: false }), new RocketMessage('b')]),
        MessageIllegalError,
      ],
      ['a transaction', (template) => template.sendMessageInTransaction('t', batchOf('a', 'b')), MessageIllegalError],
      [
        'more than 4 MiB in all',
        (template) => template.syncSend('t', batchOf(Buffer.alloc(3 * MIB), Buffer.alloc(MIB))),
        MessageTooLargeError,
      ],
      ['a retry topic', (template) => template.syncSend('%RETRY%g', batchOf('a')), MessageIllegalError],
      ['convertAndSend', (template) => template.convertAndSend('t', batchOf('a')), MessageIllegalError],
    ]);

    it('different topics', async () => {
      const body = Buffer.from('x');
      await expectNothingWritten(app, () =>
        expect(
          app.broker.sendBatch([
            { topic: 't', body },
            { topic: 'u', body },
          ]),
        ).rejects.toThrow(MessageIllegalError),
      );
    });
  });

  describe('delays:', () => {
    refuses([
      ...[-1, 1.5, 19, Number.NaN].flatMap((level): BadCall[] => [
        [`level ${level}`, (template) => template.syncSend('t', 'x', 3000, level), MessageIllegalError],
        [
          `option level ${level}`,
          (template) => template.syncSend('t', 'x', { delayLevel: level }),
          MessageIllegalError,
        ],
        [
          `header level ${level}`,
          (template) => template.convertAndSend('t', 'x', { DELAY: level }),
          MessageIllegalError,
        ],
      ]),
      ['a negative delay', (template) => template.syncSendDelayTimeMills('t', 'x', -1), MessageIllegalError],
      ['negative seconds', (template) => template.syncSendDelayTimeSeconds('t', 'x', -1), MessageIllegalError],
      ['half a second', (template) => template.syncSendDelayTimeSeconds('t', 'x', 0.5), MessageIllegalError],
      ['NaN seconds', (template) => template.syncSendDelayTimeSeconds('t', 'x', Number.NaN), MessageIllegalError],
      ['half a millisecond', (template) => template.syncSend('t', 'x', { delayMs: 0.5 }), MessageIllegalError],
      ['a delay of NaN', (template) => template.syncSend('t', 'x', { delayMs: Number.NaN }), MessageIllegalError],
      ['no delay', (template) => template.syncSendDelayTimeMills('t', 'x', undefined as never), MessageIllegalError],
      ['no time', (template) => template.syncSendDeliverTimeMills('t', 'x', undefined as never), MessageIllegalError],
      ['a time of NaN', (template) => template.syncSendDeliverTimeMills('t', 'x', Number.NaN), MessageIllegalError],
      ['a negative time', (template) => template.syncSendDeliverTimeMills('t', 'x', -1), MessageIllegalError],
      ['an invalid Date', (template) => template.syncSend('t', 'x', { deliverAt: new Date('x') }), MessageIllegalError],
      [
        'a time as text',
        (template) => template.syncSend('t', 'x', { deliverAt: '2024' as never }),
        MessageIllegalError,
      ],
      [
        'a delay over 3 days',
        (template) => template.syncSend('t', 'x', { delayMs: 3 * DAY_MS + 1 }),
        TimerDelayTooLongError,
      ],
      [
        'seconds over 3 days',
        (template) => template.syncSendDelayTimeSeconds('t', 'x', 4 * 86_400),
        TimerDelayTooLongError,
      ],
      [
        'delay and level',
        (template) => template.syncSend('t', 'x', { delayMs: 5, delayLevel: 3 }),
        MessageIllegalError,
      ],
      ['delay and time', (template) => template.syncSend('t', 'x', { delayMs: 5, deliverAt: 5 }), MessageIllegalError],
      [
        'delay and header DELAY',
        (template) => template.syncSend('t', 'x', { delayMs: 5, headers: { DELAY: 3 } }),
        MessageIllegalError,
      ],
      [
        'a second delay',
        (template) => template.syncSendDelayTimeMills('t', 'x', 5, { delayLevel: 3 } as never),
        MessageIllegalError,
      ],
      ['a mistyped option', (template) => template.syncSend('t', 'x', { delay: 5 } as never), UnknownOptionError],
      ['a batch', (template) => template.syncSendDelayTimeMills('t', [new RocketMessage('x')], 5), MessageIllegalError],
      [
        'a transaction',
        (template) => template.sendMessageInTransaction('t', new RocketMessage('x', { DELAY: 3 })),
        MessageIllegalError,
      ],
    ]);
  });

  describe('groups and selectors:', () => {
    const subscriptions = [{ topic: 'probe', handler: (): void => undefined }];

    it.each([undefined, '', ' ', 'a b', 'a.b', 'ä', 'g'.repeat(121)])('the consumer group %p', async (group) => {
      const subscribing = (): Promise<unknown> => app.broker.subscribe({ group: group as string, subscriptions });
      await expectNothingWritten(app, () => expect(subscribing()).rejects.toThrow(NameIllegalError));
    });

    it.each([
      ['level >> 3', 7],
      ['level > 3 AND', 13],
      ["name = 'open", 7],
      ['level > 3 nonsense', 10],
    ])('the SQL selector %p, whose mistake is at offset %p', async (expression, position) => {
      const selector = { type: 'SQL92' as const, expression };
      const subscribing = app.broker.subscribe({ group: 'g', subscriptions: [{ ...subscriptions[0]!, selector }] });
      const refusal: unknown = await subscribing.catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(FilterSyntaxError);
      expect(refusal).toHaveProperty('fields.position', position);
    });

    it('the topic of an offset reset that does not exist', async () => {
      const { broker } = app;
      const consumer = await broker.subscribe({ group: 'reset', subscriptions });
      await consumer.close({ timeoutMs: 0 });
      await expectNothingWritten(app, () =>
        expect(broker.admin.groups.resetToTimestamp('reset', 0, { topic: 'unknown' })).rejects.toHaveProperty(
          'code',
          'TOPIC_NOT_EXIST',
        ),
      );
    });
  });

  it('takes what is just within the limits', async () => {
    const { template } = app;
    await template.syncSend('a'.repeat(127), 'x');
    await template.syncSend('t', Buffer.alloc(4 * MIB));
    await template.convertAndSend('t', 'x', propertiesOfBytes(32_767));
    await template.syncSend('t', 'x', 3000, 18);
    await template.syncSend('t', 'x', { delayMs: 3 * DAY_MS });
    await template.syncSend('t', 'x', 1);
  });
});
