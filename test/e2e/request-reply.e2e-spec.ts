import { Type as TypeOf } from 'class-transformer';
import {
  ListenerOptionError,
  MessageIllegalError,
  MessageListener,
  NonRetryableError,
  PayloadError,
  RECONSUME_LATER,
  ReplyUnreadableError,
  RequestTimeoutError,
  RocketMessage,
  StoreClosedError,
  UnknownOptionError,
  type MessageExt,
  type RocketReplyListener,
  type RocketTemplate,
} from '../../lib/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { expectNothingWritten } from './nothing-written.js';
import { compileApp, ManualWorld, type RocketApp } from './rocket-app.js';

class PriceQuestion {
  sku!: string;
}

class Price {
  sku!: string;
  @TypeOf(() => Date)
  validUntil!: Date;
}

const VALID_UNTIL = new Date('2024-05-06T07:08:09Z');

@MessageListener({
  topic: 'prices',
  consumerGroup: 'shop',
  replies: true,
  payloadType: PriceQuestion,
  concurrency: 100,
})
class PriceListener implements RocketReplyListener<PriceQuestion, Price> {
  async onMessage({ sku }: PriceQuestion): Promise<Price> {
    return Object.assign(new Price(), { sku, validUntil: VALID_UNTIL });
  }
}

/** Answers what a test tells it to answer, attempt by attempt. */
@MessageListener({ topic: 'oracle', consumerGroup: 'oracle', replies: true })
class Oracle implements RocketReplyListener {
  readonly asked: MessageExt[] = [];
  answers: (payload: unknown, message: MessageExt) => unknown = (payload) => payload;

  onMessage(payload: unknown, message: MessageExt): unknown {
    this.asked.push(message);
    return this.answers(payload, message);
  }
}

/** Returns something, which is nobody's answer. */
@MessageListener({ topic: 'silence', consumerGroup: 'silence' })
class Silent {
  onMessage(): string {
    return 'not an answer';
  }
}

describe.each(['memory', 'a directory'])('S11: a request, on a disk in %s,', (disk) => {
  let directory: TemporaryDirectory | undefined;
  let world: ManualWorld;
  let app: RocketApp;
  let template: RocketTemplate;
  let oracle: Oracle;

  beforeEach(async () => {
    directory = disk === 'memory' ? undefined : await temporaryDirectory();
    world = new ManualWorld(directory);
    app = await world.start({ providers: [PriceListener, Oracle, Silent] });
    template = app.template;
    oracle = app.module.get(Oracle);
  });

  afterEach(async () => {
    await app.close();
    await directory?.remove();
  });

  const outcomeOf = (asking: Promise<unknown>): Promise<unknown> => asking.catch((error: unknown) => error);

  it('is answered with what the listener returns, made into the class that the caller names', async () => {
    const price = await template.sendAndReceive('prices', { sku: 'book' }, { replyType: Price });
    expect(price).toBeInstanceOf(Price);
    expect(price).toEqual({ sku: 'book', validUntil: VALID_UNTIL });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a type', () => template.sendAndReceive('prices', { sku: 'book' }, Price)],
    ['a type and a timeout', () => template.sendAndReceive('prices', { sku: 'book' }, Price, 500)],
    ['a type and a hash key', () => template.sendAndReceive('prices', { sku: 'book' }, Price, 'k')],
    ['a type, a hash key and a timeout', () => template.sendAndReceive('prices', { sku: 'book' }, Price, 'k', 500)],
    ['a message', () => template.sendAndReceive('prices:tag', new RocketMessage({ sku: 'book' }), Price)],
    [
      'options',
      () =>
        template.sendAndReceive(
          'prices',
          { sku: 'book' },
          { replyType: Price, timeoutMs: 500, hashKey: 'k', keys: 'A' },
        ),
    ],
    [
      'a callback',
      () =>
        new Promise((onSuccess, onException) => {
          template.sendAndReceive('prices', { sku: 'book' }, { replyType: Price, onSuccess, onException }, 'k', 500);
        }),
    ],
  ])('can be asked with %s', async (_what, ask) => {
    const price = await ask();
    expect(price).toBeInstanceOf(Price);
    expect(price).toMatchObject({ sku: 'book' });
  });

  it('can be answered with text, bytes, a list and what JSON holds', async () => {
    expect(await template.sendAndReceive('oracle', 'text')).toBe('text');
    expect(await template.sendAndReceive('oracle', 'text', String)).toBe('text');
    expect(await template.sendAndReceive('oracle', { a: [1] })).toEqual({ a: [1] });
    expect(await template.sendAndReceive('oracle', 7, Number)).toBe(7);
    expect(await template.sendAndReceive('oracle', Buffer.from([0, 255]), Buffer)).toEqual(Buffer.from([0, 255]));
    expect(await template.sendAndReceive('oracle', [{ sku: 'a' }, { sku: 'b' }], [Price])).toEqual([
      expect.any(Price),
      expect.any(Price),
    ]);
    oracle.answers = (payload) => new RocketMessage(payload, { contentType: 'application/vnd.shop+json' });
    expect(await template.sendAndReceive('oracle', '{"a":1}')).toEqual({ a: 1 });
    oracle.answers = () => 'x'.repeat(100_000);
    expect(await template.sendAndReceive('oracle', 'much')).toHaveLength(100_000);
  });

  it('is never answered with the reply to another one', async () => {
    // The answers are given in another order than the questions, and none before all are asked.
    const pending: (() => void)[] = [];
    oracle.answers = (payload) => new Promise((resolve) => pending.push(() => resolve({ answerTo: payload })));
    const numbers = Array.from({ length: 15 }, (_, index) => index);
    const replies = numbers.map((number) => template.sendAndReceive('oracle', number));
    await expect(template.sendAndReceive('prices', { sku: 'between' }, Price)).resolves.toMatchObject({
      sku: 'between',
    });
    while (pending.length < numbers.length) await new Promise((resolve) => setImmediate(resolve));
    for (const answer of pending.toReversed()) answer();
    expect(await Promise.all(replies)).toEqual(numbers.map((answerTo) => ({ answerTo })));
  });

  it('fails after its timeout when nobody answers; a listener without replies does not', async () => {
    const byDefault = outcomeOf(template.sendAndReceive('silence', 'x'));
    const byCall = outcomeOf(template.sendAndReceive('nobody', 'x', String, 200));
    await world.pass(app, 200);
    expect(await byCall).toBeInstanceOf(RequestTimeoutError);
    expect(await byCall).toMatchObject({ fields: { topic: 'nobody', timeoutMs: 200 } });
    await world.pass(app, 2800);
    expect(await byDefault).toMatchObject({ code: 'REQUEST_TIMEOUT', fields: { timeoutMs: 3000 } });
  });

  it('drops and counts a reply that comes late', async () => {
    let answer: (value: unknown) => void = () => undefined;
    oracle.answers = () => new Promise((resolve) => (answer = resolve));
    const asking = outcomeOf(template.sendAndReceive('oracle', 'x', String, 500));
    while (oracle.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await world.clock.advance(500);
    expect(await asking).toBeInstanceOf(RequestTimeoutError);
    expect(app.broker.lateReplies).toBe(0);
    answer('late');
    await app.broker.whenIdle();
    expect(app.broker.lateReplies).toBe(1);
    // It is done all the same.
    await world.pass(app, 60_000);
    expect(oracle.asked).toHaveLength(1);
  });

  const fail = (): never => {
    throw new Error('the oracle sleeps');
  };

  it('whose listener throws is answered by a later attempt, if that comes in time', async () => {
    oracle.answers = (payload, message) => (message.reconsumeTimes === 0 ? fail() : payload);
    const inTime = template.sendAndReceive('oracle', 'patient', String, 20_000);
    const tooSoon = outcomeOf(template.sendAndReceive('oracle', 'impatient', String, 5000));
    await world.pass(app, 10_000);
    expect(await inTime).toBe('patient');
    expect(await tooSoon).toBeInstanceOf(RequestTimeoutError);
    expect(app.broker.lateReplies).toBe(1);
  });

  it.each<[string, () => unknown]>([
    ['throws NonRetryableError', () => Promise.reject(new NonRetryableError('never'))],
    ['returns RECONSUME_LATER', () => RECONSUME_LATER],
    ['returns nothing', () => undefined],
    ['returns null', () => null],
    ['returns what JSON lacks', () => ({ amount: 7n })],
  ])('times out when its listener %s', async (_what, answers) => {
    oracle.answers = answers;
    const asking = outcomeOf(template.sendAndReceive('oracle', 'x'));
    await world.pass(app, 3000);
    expect(await asking).toBeInstanceOf(RequestTimeoutError);
    expect(app.broker.lateReplies).toBe(0);
  });

  it('says in the log which listener returned no reply', async () => {
    oracle.answers = () => undefined;
    const asking = outcomeOf(template.sendAndReceive('oracle', 'x'));
    await world.pass(app, 3000);
    await asking;
    expect(app.log.matching(/reply of Oracle.* to message .* of topic "oracle" could not be sent/)).toHaveLength(1);
  });

  it('fails with a named error when the reply is not what the caller asked for', async () => {
    await expect(template.sendAndReceive('oracle', 'no number', Number)).rejects.toThrow(ReplyUnreadableError);
  });

  it('is a message like any other: a reply listener also handles what nobody waits for', async () => {
    await template.convertAndSend('oracle', 'no request');
    await app.broker.whenIdle();
    expect(oracle.asked).toHaveLength(1);
    await world.pass(app, 60_000);
    expect(oracle.asked).toHaveLength(1);
    expect(app.log.matching(/^(warn|error)/)).toEqual([]);
  });

  it('fails when the app ends before the answer', async () => {
    oracle.answers = () => undefined;
    const asking = outcomeOf(template.sendAndReceive('nobody', 'x'));
    await app.broker.whenIdle();
    await app.close();
    expect(await asking).toBeInstanceOf(StoreClosedError);
  });
});

describe('a request that can not be', () => {
  let app: RocketApp;

  beforeAll(async () => {
    app = await new ManualWorld().start({});
  });

  afterAll(() => app.close());

  const batch = [new RocketMessage('x')];

  it.each<[string, (template: RocketTemplate) => Promise<unknown>, new (...args: never[]) => Error]>([
    ['a batch', (template) => template.sendAndReceive('t', batch, String), MessageIllegalError],
    [
      'a delayed message',
      (template) => template.sendAndReceive('t', new RocketMessage('x', { DELAY: 1 })),
      MessageIllegalError,
    ],
    ['a delay', (template) => template.sendAndReceive('t', 'x', { delayMs: 5 } as never), UnknownOptionError],
    ['a delay level', (template) => template.sendAndReceive('t', 'x', String, 3000 as never, 1), MessageIllegalError],
    [
      'a delay level behind a key',
      (template) => template.sendAndReceive('t', 'x', String, 'k', 3000, ...([1] as unknown as [])),
      MessageIllegalError,
    ],
    ['no payload', (template) => template.sendAndReceive('t', undefined), PayloadError],
    ['a timeout of 0', (template) => template.sendAndReceive('t', 'x', String, 0), MessageIllegalError],
    ['a negative timeout', (template) => template.sendAndReceive('t', 'x', { timeoutMs: -1 }), MessageIllegalError],
    ['an empty hash key', (template) => template.sendAndReceive('t', 'x', String, ''), MessageIllegalError],
    [
      'a hash key that is missing',
      (template) => template.sendAndReceive('t', 'x', String, undefined as never, 500),
      MessageIllegalError,
    ],
    [
      'a type that is none',
      (template) => template.sendAndReceive('t', 'x', { replyType: 'Price' as never }),
      MessageIllegalError,
    ],
  ])('is refused before anything is written: %s', async (_what, ask, type) => {
    await expectNothingWritten(app, () => expect(ask(app.template)).rejects.toThrow(type));
  });

  it('is refused for a listener of batches', async () => {
    @MessageListener({ topic: 't', consumerGroup: 'g', batchSize: 10, replies: true })
    class Both {
      onMessages(): void {}
    }
    const { module } = await compileApp({ providers: [Both] });
    await expect(module.init()).rejects.toThrow(ListenerOptionError);
  });
});
