import {
  EmbeddedBroker,
  ManualClock,
  MemoryFileSystem,
  type EngineEvent,
  type Message,
  type MessageHandler,
} from '../../../lib/engine/index.js';
import { RecordingLogger } from '../delivery/store-harness.js';

describe('the events of a broker', () => {
  let clock: ManualClock;
  let files: MemoryFileSystem;
  let logger: RecordingLogger;
  let broker: EmbeddedBroker;
  let events: EngineEvent[];

  const send = (message: Partial<Message> = {}): Promise<unknown> =>
    broker.send({ topic: 't', body: Buffer.from('x'), ...message });
  const subscribe = (handler: MessageHandler, changes: object = {}): Promise<unknown> =>
    broker.subscribe({ group: 'g', subscriptions: [{ topic: 't', handler, ...changes }] });
  const settle = async (): Promise<void> => {
    await clock.advance(0);
    await broker.whenIdle();
  };
  const failure = new Error('no');
  const fail = (): never => {
    throw failure;
  };

  beforeEach(async () => {
    clock = new ManualClock();
    files = new MemoryFileSystem({ clock });
    logger = new RecordingLogger();
    const options = { store: { path: '/store' }, transaction: { checkMax: 1 } };
    broker = new EmbeddedBroker(options, { fileSystem: files, clock, logger });
    await broker.start();
    events = [];
    broker.listen((event) => events.push(event));
  });

  afterEach(() => broker.close());

  it('tell of each attempt that fails, and what becomes of the message', async () => {
    await subscribe(fail, { maxReconsumeTimes: 1 });
    await send();
    await settle();
    await clock.advance(10_000);
    await settle();
    const delivery = { group: 'g', topic: 't', msgId: expect.any(String) as string };
    expect(events).toEqual([
      { type: 'handlerFailed', ...delivery, attempt: 1, error: failure },
      { type: 'messageRetried', ...delivery, attempt: 1 },
      { type: 'handlerFailed', ...delivery, attempt: 2, error: failure },
      { type: 'messageDeadLettered', ...delivery, attempt: 2, deadLetterTopic: '%DLQ%g' },
    ]);
  });

  it('tell of orderly attempts, which are counted in memory', async () => {
    await subscribe(fail, { maxReconsumeTimes: 1, consumeMode: 'ORDERLY' });
    await send();
    await settle();
    await clock.advance(1000);
    await settle();
    expect(events.map((event) => [event.type, 'attempt' in event && event.attempt])).toEqual([
      ['handlerFailed', 1],
      ['messageRetried', 1],
      ['handlerFailed', 2],
      ['messageDeadLettered', 2],
    ]);
  });

  it('tell of handlers that take too long', async () => {
    await subscribe(() => new Promise(() => undefined), { consumeTimeoutMs: 60_000 });
    await send();
    await clock.advance(61_000);
    await settle();
    expect(events.map(({ type }) => type)).toEqual(['handlerTimedOut', 'handlerFailed', 'messageRetried']);
    expect(events[1]).toMatchObject({ error: { code: 'CONSUME_TIMEOUT' } });
  });

  it('tell of sends that fail, and when it was for the store', async () => {
    await expect(send({ topic: 'not a topic' })).rejects.toMatchObject({ code: 'NAME_ILLEGAL' });
    expect(events).toMatchObject([{ type: 'sendFailed', topic: 'not a topic', error: { code: 'NAME_ILLEGAL' } }]);
  });

  it('tell of flushes and sends that fail for want of room', async () => {
    const disk = new MemoryFileSystem({ clock, totalBytes: 512 * 1024 });
    const small = new EmbeddedBroker(
      { store: { path: '/small', diskFreeSpaceEnoughBytes: 0 }, compressMsgBodyOverBytes: 1024 * 1024 },
      { fileSystem: disk, clock, logger },
    );
    await small.start();
    const types = new Set<string>();
    small.listen(({ type }) => types.add(type));
    const body = Buffer.alloc(64 * 1024);
    const filling = Array.from({ length: 16 }, () => small.send({ topic: 't', body }));
    const outcomes = await Promise.allSettled(filling);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'DISK_FULL' } });
    expect([...types].toSorted()).toEqual(['flushFailed', 'sendFailed', 'storeRefused']);
    const { rocketmq_storage_flush_failures_total: failures } = await small.metrics();
    expect(failures.values[0]!.value).toBeGreaterThan(0);
    await small.close();
  });

  it('tell of checkers that throw, and of transactions that are set aside', async () => {
    broker.registerTransactionChecker('p', fail);
    await broker.sendHalf({ topic: 't', body: Buffer.from('x') }, 'p').then(async ({ transactionId }) => {
      await broker.endTransaction(transactionId, 'UNKNOWN');
    });
    await clock.advance(60_000);
    await settle();
    const transaction = { producerGroup: 'p', topic: 't', transactionId: expect.any(String) as string };
    expect(events).toEqual([
      { type: 'checkFailed', ...transaction, error: failure },
      { type: 'transactionSetAside', ...transaction, checkTimes: 1 },
    ]);
    const { rocketmq_check_failures_total: failures } = await broker.metrics();
    expect(failures.values).toEqual([{ labels: { producer_group: 'p' }, value: 1 }]);
  });

  it('go on when a listener throws, and reach the others', async () => {
    const heard: string[] = [];
    broker.listen(fail);
    const stop = broker.listen(({ type }) => heard.push(type));
    await expect(send({ topic: '!' })).rejects.toMatchObject({ code: 'NAME_ILLEGAL' });
    stop();
    await expect(send({ topic: '!' })).rejects.toMatchObject({ code: 'NAME_ILLEGAL' });
    expect(heard).toEqual(['sendFailed']);
    expect(events).toHaveLength(2);
    expect(logger.errors).toEqual(Array(2).fill('A listener to engine events threw at "sendFailed": no'));
  });

  it('go on when an async listener rejects', async () => {
    broker.listen((): unknown => Promise.resolve().then(fail));
    await expect(send({ topic: '!' })).rejects.toMatchObject({ code: 'NAME_ILLEGAL' });
    await settle();
    expect(logger.errors).toEqual(['A listener to engine events threw at "sendFailed": no']);
  });
});
