import {
  EmbeddedBroker,
  ManualClock,
  SilentLogger,
  type Consumer,
  type PullConsumer,
} from '../../../lib/engine/index.js';
import {
  GroupConflictError,
  GroupUseConflictError,
  InvalidOptionError,
  NameIllegalError,
  StoreClosedError,
} from '../../../lib/errors/index.js';

describe('a consumer group', () => {
  let broker: EmbeddedBroker;

  beforeEach(async () => {
    broker = new EmbeddedBroker(
      { store: { type: 'memory' } },
      { clock: new ManualClock(), logger: new SilentLogger() },
    );
    await broker.start();
  });

  afterEach(() => broker.close());

  const listen = (group: string, topic = 'orders'): Promise<Consumer> =>
    broker.subscribe({ group, subscriptions: [{ topic, handler: () => undefined }] });
  const pull = (group: string): Promise<PullConsumer> => broker.createPullConsumer({ group });

  it('that has a listener can have no pull consumer until the last listener has left', async () => {
    const first = await listen('shop');
    const second = await listen('shop');
    await expect(pull('shop')).rejects.toThrow(GroupUseConflictError);
    await expect(pull('shop')).rejects.toThrow(
      /A pull consumer can not join consumer group "shop": a listener uses it/,
    );
    await first.close({ timeoutMs: 0 });
    await expect(pull('shop')).rejects.toThrow(GroupUseConflictError);
    await second.close({ timeoutMs: 0 });
    await pull('shop');
  });

  it('that has a pull consumer can have no listener until it is closed', async () => {
    const consumer = await pull('shop');
    await expect(listen('shop')).rejects.toThrow(GroupUseConflictError);
    await consumer.close();
    await listen('shop');
  });

  it('is taken by the first of two that come at once', async () => {
    const outcomes = await Promise.allSettled([listen('a'), pull('a'), pull('b'), listen('b')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  });

  it('is free again when the one that wanted it was refused', async () => {
    await expect(listen('shop', 'no topic')).rejects.toThrow(NameIllegalError);
    await listen('other');
    await expect(listen('other', 'fees')).rejects.toThrow(GroupConflictError);
    const wrong = { group: 'shop', autoCommitIntervalMs: 0 };
    await expect(broker.createPullConsumer(wrong)).rejects.toThrow(InvalidOptionError);
    await listen('shop');
  });

  it('leaves other groups alone', async () => {
    await listen('shop');
    await pull('archive');
  });

  it('is not joined after the end', async () => {
    await broker.close();
    await expect(pull('shop')).rejects.toThrow(StoreClosedError);
  });
});
