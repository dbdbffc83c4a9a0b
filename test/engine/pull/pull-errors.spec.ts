import type { PullConsumer } from '../../../lib/engine/types/index.js';
import {
  FilterSyntaxError,
  FilterTagIllegalError,
  GroupConflictError,
  InvalidOptionError,
  NameIllegalError,
  NoPermissionError,
  PullConsumerClosedError,
  PullGroupMissingError,
  PullModeConflictError,
  PullNotSubscribedError,
  PullPollPendingError,
  PullQueueNotAssignedError,
  PullQueueUnknownError,
  PullSelectorRefusedError,
  PullTopicUnknownError,
  StoreClosedError,
  UnknownOptionError,
} from '../../../lib/errors/index.js';
import { pollNow, PullHarness, queue, Watched } from './pull-harness.js';

let harness: PullHarness;

beforeEach(async () => {
  harness = await PullHarness.open();
  await harness.createTopic('log', 2);
});

afterEach(() => harness.close());

/** Values that the types do not allow, as plain JavaScript may give them. */
const untyped = (value: unknown): never => value as never;

describe('a pull consumer is refused', () => {
  it.each([[undefined], [{}], [{ group: '' }], [{ group: null }]])('without a group: %j', async (options) => {
    await expect(harness.pull.createConsumer(untyped(options))).rejects.toThrow(PullGroupMissingError);
  });

  it.each(['a b', 'group/1', 'x'.repeat(121), '日本', 'CID_RMQ_SYS_TRANS'])('with the group name %j', async (group) => {
    await expect(harness.create({ group })).rejects.toThrow(NameIllegalError);
    expect(harness.store.context.groups.get(group)).toBeUndefined();
  });

  it.each<Record<string, unknown>>([
    { messageModel: 'SOMETIMES' },
    { consumeFromWhere: 'CONSUME_FROM_MIDDLE' },
    { consumeTimestampMs: -1 },
    { consumeTimestampMs: Number.NaN },
    { autoCommit: 'yes' },
    { autoCommitIntervalMs: 0 },
    { pullBatchSize: 0 },
    { pullBatchSize: 1.5 },
    { pullBatchSize: 1025 },
  ])('with %j', async (options) => {
    await expect(harness.create(untyped(options))).rejects.toThrow(InvalidOptionError);
  });

  it('and leaves no group behind; one that is made leaves it', async () => {
    await expect(harness.create({ pullBatchSize: 0 })).rejects.toThrow(InvalidOptionError);
    expect(harness.store.context.groups.get('readers')).toBeUndefined();
    await harness.create();
    expect(harness.store.context.groups.get('readers')).toBeDefined();
  });

  it('by a service that is closed', async () => {
    await harness.pull.close();
    await expect(harness.create()).rejects.toThrow(StoreClosedError);
  });
});

describe('assign and subscribe', () => {
  it('exclude each other', async () => {
    const subscriber = await harness.subscribed();
    await expect(subscriber.assign([queue(0)])).rejects.toThrow(PullModeConflictError);
    const reader = await harness.create();
    await reader.assign([queue(0)]);
    await expect(reader.subscribe('log')).rejects.toThrow(PullModeConflictError);
    expect(reader.assignment()).toEqual([queue(0)]);
  });

  // The subscription to a topic that does not exist has nothing to wait for, so it comes first.
  it.each([
    ['log', ['fulfilled', 'rejected']],
    ['later', ['rejected', 'fulfilled']],
  ])('exclude each other also when they are called at once, with topic %s', async (topic, expected) => {
    const consumer = await harness.create();
    const ends = await Promise.allSettled([consumer.assign([queue(0)]), consumer.subscribe(topic)]);
    expect(ends.map(({ status }) => status)).toEqual(expected);
  });

  it('refuse a selector of a broadcasting consumer, unless it takes everything', async () => {
    const consumer = await harness.create({ messageModel: 'BROADCASTING' });
    await expect(consumer.subscribe('log', 'TagA')).rejects.toThrow(PullSelectorRefusedError);
    await expect(consumer.subscribe('log', { type: 'SQL92', expression: 'a = 1' })).rejects.toThrow(
      PullSelectorRefusedError,
    );
    await consumer.subscribe('log', '*');
    const reader = await harness.create({ messageModel: 'BROADCASTING' });
    await expect(reader.assign([queue(0)], 'TagA')).rejects.toThrow(PullSelectorRefusedError);
  });

  it('refuse a selector that is wrong, with the place', async () => {
    const consumer = await harness.create();
    await expect(consumer.subscribe('log', { type: 'SQL92', expression: 'a = ' })).rejects.toThrow(FilterSyntaxError);
    await expect(consumer.subscribe('log', 'a | b')).rejects.toThrow(FilterTagIllegalError);
    await expect(consumer.subscribe('log', untyped({ type: 'XPATH', expression: '/' }))).rejects.toThrow(
      InvalidOptionError,
    );
    expect(harness.committed()).toEqual([undefined, undefined]);
  });

  it('refuse what can not be read', async () => {
    await harness.createTopic('secret', 1, { perm: 2 });
    const consumer = await harness.create();
    await expect(consumer.subscribe('a topic')).rejects.toThrow(NameIllegalError);
    await expect(consumer.subscribe('secret')).rejects.toThrow(NoPermissionError);
    await expect(consumer.queues('secret')).rejects.toThrow(NoPermissionError);
    await expect(consumer.queues('nowhere')).rejects.toThrow(PullTopicUnknownError);
    await expect(consumer.queues('no where')).rejects.toThrow(NameIllegalError);
    await expect(consumer.assign([queue(0, 'nowhere')])).rejects.toThrow(PullTopicUnknownError);
    await expect(consumer.assign([queue(0), queue(2)])).rejects.toThrow(PullQueueUnknownError);
    await expect(consumer.assign([queue(-1)])).rejects.toThrow(PullQueueUnknownError);
    await expect(consumer.assign([{ ...queue(0), brokerName: 'broker-b' }])).rejects.toThrow(PullQueueUnknownError);
    await expect(consumer.assign([])).rejects.toThrow(InvalidOptionError);
    await expect(consumer.assign(untyped('log'))).rejects.toThrow(InvalidOptionError);
    await expect(consumer.assign(untyped([null]))).rejects.toThrow(InvalidOptionError);
    await expect(consumer.committed(queue(9))).rejects.toThrow(PullQueueUnknownError);
    expect(consumer.assignment()).toEqual([]);
  });

  it('refuse members of one group that select differently', async () => {
    const first = await harness.create();
    await first.subscribe('log', 'A || B');
    const second = await harness.create();
    await expect(second.subscribe('log', 'A')).rejects.toThrow(GroupConflictError);
    await expect(second.subscribe('log')).rejects.toThrow(GroupConflictError);
    await second.subscribe('log', ' B||A ');
    await expect(first.subscribe('log', 'A')).rejects.toThrow(GroupConflictError);
    expect(first.assignment()).toEqual([queue(0)]);
  });
});

describe('a poll is refused', () => {
  it.each([{ timeoutMs: -1 }, { timeoutMs: Number.NaN }, { timeoutMs: 1.5 }, { timeoutMs: Number.POSITIVE_INFINITY }])(
    'with %j',
    async (options) => {
      await expect((await harness.subscribed()).poll(options)).rejects.toThrow(InvalidOptionError);
    },
  );

  it.each([0, -1, 2.5, Number.NaN, 10_001])('for %j messages', async (maxCount) => {
    await harness.send('log', 0, ['m']);
    const consumer = await harness.subscribed();
    await expect(consumer.poll({ maxCount })).rejects.toThrow(InvalidOptionError);
    expect(await pollNow(consumer)).toEqual(['m']);
  });

  it.each([1000, null, 'soon'])('with %j in place of an options object', async (options) => {
    await expect((await harness.subscribed()).poll(untyped(options))).rejects.toThrow(InvalidOptionError);
  });

  it('with an option that does not exist', async () => {
    await expect((await harness.subscribed()).poll(untyped({ timeout: 1000 }))).rejects.toThrow(UnknownOptionError);
  });

  it('before there is anything to poll', async () => {
    const consumer = await harness.create();
    await expect(consumer.poll()).rejects.toThrow(PullNotSubscribedError);
    await expect(consumer[Symbol.asyncIterator]().next()).rejects.toThrow(PullNotSubscribedError);
  });

  it('while another one waits; that one goes on', async () => {
    const consumer = await harness.subscribed();
    const first = new Watched(consumer.poll({ timeoutMs: 60_000 }));
    await expect(consumer.poll()).rejects.toThrow(PullPollPendingError);
    await harness.send('log', 0, ['m']);
    expect(first.value).toHaveLength(1);
  });
});

describe('a queue that is not assigned', () => {
  it.each<[string, (consumer: PullConsumer) => unknown]>([
    ['seek', (consumer) => consumer.seek(queue(1), 0)],
    ['seek, if another broker has it', (consumer) => consumer.seek({ ...queue(0), brokerName: 'broker-b' }, 0)],
    ['seekToBegin', (consumer) => consumer.seekToBegin(queue(1))],
    ['seekToEnd', (consumer) => consumer.seekToEnd(queue(1))],
    ['seekToTimestamp', (consumer) => consumer.seekToTimestamp(queue(1), 0)],
    ['position', async (consumer) => consumer.position(queue(1))],
    ['pause', async (consumer) => consumer.pause([queue(1)])],
    ['resume', async (consumer) => consumer.resume([queue(1)])],
  ])('is refused by %s', async (_name, use) => {
    const consumer = await harness.create();
    await consumer.assign([queue(0)]);
    await expect(use(consumer)).rejects.toThrow(PullQueueNotAssignedError);
  });

  it('keeps pause from pausing any', async () => {
    await harness.send('log', 0, ['m']);
    const consumer = await harness.create();
    await consumer.assign([queue(0)]);
    expect(() => consumer.pause([queue(0), queue(1)])).toThrow(PullQueueNotAssignedError);
    expect(await pollNow(consumer)).toEqual(['m']);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('nor the offset or time %j', async (value) => {
    const consumer = await harness.subscribed();
    await expect(consumer.seek(queue(0), value)).rejects.toThrow(InvalidOptionError);
    await expect(consumer.seekToTimestamp(queue(0), value)).rejects.toThrow(InvalidOptionError);
    await expect(consumer.seek(untyped(undefined), 0)).rejects.toThrow(InvalidOptionError);
    await expect(consumer.seekToEnd(untyped(undefined))).rejects.toThrow(InvalidOptionError);
  });
});

describe('a closed pull consumer', () => {
  it('refuses everything but to be closed again', async () => {
    const consumer = await harness.subscribed();
    await consumer[Symbol.asyncDispose]();
    await consumer.close();
    const uses: (() => unknown)[] = [
      () => consumer.queues('log'),
      () => consumer.subscribe('log'),
      () => consumer.unsubscribe('log'),
      () => consumer.assign([queue(0)]),
      () => consumer.poll(),
      () => consumer.seek(queue(0), 0),
      () => consumer.seekToTimestamp(queue(0), 0),
      () => consumer.commit(),
      () => consumer.committed(queue(0)),
      async () => consumer.position(queue(0)),
      async () => consumer.pause([queue(0)]),
    ];
    for (const use of uses) await expect(use()).rejects.toThrow(PullConsumerClosedError);
    expect(await consumer[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
    expect(harness.pull.members('readers')).toEqual([]);
  });

  it('lets others have their turns while somebody polls it again without waiting', async () => {
    const consumer = await harness.subscribed();
    await consumer.close();
    const ending = new AbortController();
    setImmediate(() => ending.abort());
    for (let polls = 0; !ending.signal.aborted && polls < 1000; polls++) await consumer.poll().catch(() => undefined);
    expect(ending.signal.aborted).toBe(true);
  });

  it('leaves nothing behind when it was subscribing', async () => {
    await harness.send('log', 0, ['m']);
    const consumer = await harness.create();
    const subscribing = new Watched(consumer.subscribe('log'));
    await consumer.close();
    await harness.settle();
    expect(subscribing.error).toBeInstanceOf(PullConsumerClosedError);
    expect((await harness.subscribed()).assignment()).toHaveLength(2);
  });
});
