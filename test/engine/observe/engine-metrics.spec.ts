import {
  EmbeddedBroker,
  ENGINE_METRICS,
  ManualClock,
  MemoryFileSystem,
  RECONSUME_LATER,
  SilentLogger,
  type EngineMetrics,
  type Message,
  type MessageExt,
  type MetricName,
} from '../../../lib/engine/index.js';
import { NonRetryableError } from '../../../lib/errors/index.js';

type Labels = Readonly<Record<string, string>>;

describe('the metrics of a broker', () => {
  let clock: ManualClock;
  let files: MemoryFileSystem;
  let broker: EmbeddedBroker;

  const open = async (): Promise<void> => {
    const environment = { fileSystem: files, clock, logger: new SilentLogger() };
    broker = new EmbeddedBroker({ store: { path: '/store' }, defaultTopicQueueNums: 1 }, environment);
    await broker.start();
  };
  const send = (message: Partial<Message> = {}): Promise<unknown> =>
    broker.send({ topic: 't', body: Buffer.from('x'), ...message });
  /** The value with these labels; undefined when there is none. */
  const read = async (name: MetricName, labels: Labels = {}): Promise<number | undefined> => {
    const { values } = (await broker.metrics())[name];
    const found = values.find((value) => same(value.labels, labels));
    return found === undefined || 'buckets' in found ? found?.count : found.value;
  };
  const settle = async (): Promise<void> => {
    await clock.advance(0);
    await broker.whenIdle();
  };

  beforeEach(async () => {
    clock = new ManualClock();
    files = new MemoryFileSystem({ clock });
    await open();
  });

  afterEach(() => broker.close());

  it('are all there from the start, with the type, unit and help of the table', async () => {
    const metrics = await broker.metrics();
    expect(Object.keys(metrics)).toEqual(Object.keys(ENGINE_METRICS));
    for (const [name, { type, unit, help, labels }] of Object.entries(ENGINE_METRICS)) {
      const reading = metrics[name as MetricName];
      expect(reading).toMatchObject({ type, unit, help });
      for (const value of reading.values) expect(Object.keys(value.labels).toSorted()).toEqual([...labels].toSorted());
    }
  });

  it('count sends by topic and type, with the bytes of their records', async () => {
    await send();
    await send({ shardingKey: 'k' });
    await send({ delayLevel: 3 });
    await send({ delayMs: 60_000 });
    await broker.sendBatch([1, 2, 3].map(() => ({ topic: 'u', body: Buffer.from('x') })));
    const { transactionId } = await broker.sendHalf({ topic: 't', body: Buffer.from('x') }, 'p');
    const counts = async (topic: string): Promise<(number | undefined)[]> =>
      Promise.all(
        ['normal', 'fifo', 'delay', 'transaction'].map((type) =>
          read('rocketmq_messages_in_total', { topic, message_type: type }),
        ),
      );
    expect(await counts('t')).toEqual([1, 1, 2, 1]);
    expect(await counts('u')).toEqual([3, undefined, undefined, undefined]);
    expect(await read('rocketmq_send_cost_time', { invocation_status: 'success' })).toBe(6);
    expect(await read('rocketmq_half_messages', { topic: 't' })).toBe(1);
    expect(await read('rocketmq_delay_messages', { delay_level: '3' })).toBe(1);
    expect(await read('rocketmq_timing_messages', { topic: 't' })).toBe(1);
    await broker.endTransaction(transactionId, 'COMMIT');
    expect(await read('rocketmq_half_messages', { topic: 't' })).toBeUndefined();

    const { items } = await sizesOf('u');
    expect(await read('rocketmq_throughput_in_total', { topic: 'u', message_type: 'normal' })).toBe(items);
  });

  it('count sends that fail by the code of their error, also those that are refused at once', async () => {
    await expect(send({ topic: 'not a topic' })).rejects.toMatchObject({ code: 'NAME_ILLEGAL' });
    await expect(send({ delayLevel: 99 })).rejects.toMatchObject({ code: 'MESSAGE_ILLEGAL' });
    await expect(send({ delayLevel: 99 })).rejects.toMatchObject({ code: 'MESSAGE_ILLEGAL' });
    expect(await read('rocketmq_send_failures_total', { code: 'NAME_ILLEGAL' })).toBe(1);
    expect(await read('rocketmq_send_failures_total', { code: 'MESSAGE_ILLEGAL' })).toBe(2);
    expect(await read('rocketmq_send_cost_time', { invocation_status: 'failure' })).toBe(3);
    expect((await broker.metrics()).rocketmq_messages_in_total.values).toEqual([]);
  });

  it('count flushes: a burst of sends is one group of records', async () => {
    await broker.writeQueues('t');
    const before = (await broker.metrics()).rocketmq_storage_flush_messages.values[0]!;
    await Promise.all(Array.from({ length: 10 }, () => send()));
    const metrics = await broker.metrics();
    const [after] = metrics.rocketmq_storage_flush_messages.values;
    expect([after!.count - before.count, after!.sum - before.sum]).toEqual([1, 10]);
    const [flushes] = metrics.rocketmq_storage_flush_time.values;
    const [syncs] = metrics.rocketmq_storage_sync_time.values;
    expect(syncs!.count).toBe(flushes!.count);
    expect(await read('rocketmq_storage_flush_behind_bytes')).toBe(0);
  });

  it('tell the lag of a group in each queue, and what its members hold', async () => {
    await send();
    await send();
    let begun: () => void = () => undefined;
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    const consumer = await broker.subscribe({
      group: 'g',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: [{ topic: 't', handler: () => (begun(), new Promise(() => undefined)), concurrency: 1 }],
    });
    await hasBegun;
    const labels = { topic: 't', consumer_group: 'g' };
    expect(await read('rocketmq_consumer_lag_messages', { ...labels, queue_id: '0' })).toBe(2);
    expect(await read('rocketmq_consumer_cached_messages', labels)).toBe(2);
    expect(await read('rocketmq_consumer_cached_bytes', labels)).toBe((await sizesOf('t')).items);
    expect(await read('rocketmq_consumer_connections', { consumer_group: 'g' })).toBe(1);
    await consumer.close({ timeoutMs: 0 });
    expect(await read('rocketmq_consumer_lag_messages', { ...labels, queue_id: '0' })).toBe(2);
    expect(await read('rocketmq_consumer_connections', { consumer_group: 'g' })).toBe(0);
  });

  it('count what handlers do, by group and topic', async () => {
    const outcomes = [() => undefined, () => RECONSUME_LATER, () => Promise.reject(new Error('no'))];
    const handler = (message: MessageExt): unknown => {
      if (message.reconsumeTimes > 0) return undefined;
      return outcomes[Number(message.body.toString())]!();
    };
    const batchHandler = (): never => {
      throw new NonRetryableError('never');
    };
    await broker.subscribe({
      group: 'g',
      subscriptions: [
        { topic: 't', handler },
        { topic: 'u', batchHandler, batchSize: 2 },
      ],
    });
    for (const body of ['0', '1', '2']) await send({ body: Buffer.from(body) });
    await broker.sendBatch([1, 2].map(() => ({ topic: 'u', body: Buffer.from('x') })));
    await settle();
    const of = async (topic: string): Promise<(number | undefined)[]> => {
      const labels = { topic, consumer_group: 'g' };
      return Promise.all([
        read('rocketmq_messages_out_total', labels),
        read('rocketmq_process_time', labels),
        read('rocketmq_consume_success_messages_total', labels),
        read('rocketmq_consume_failure_messages_total', labels),
        read('rocketmq_consume_retry_messages_total', labels),
        read('rocketmq_send_to_dlq_messages_total', labels),
      ]);
    };
    expect(await of('t')).toEqual([3, 3, 1, 2, 2, 0]);
    expect(await of('u')).toEqual([2, 1, 0, 2, 0, 2]);
    expect(await read('rocketmq_delay_messages', { delay_level: '3' })).toBe(2);
    await clock.advance(10_000);
    await settle();
    expect(await of('t')).toEqual([5, 5, 3, 2, 2, 0]);
  });

  it('count handlers that took too long, and keep counting when all members have gone', async () => {
    const consumer = await broker.subscribe({
      group: 'g',
      subscriptions: [{ topic: 't', handler: () => new Promise(() => undefined), consumeTimeoutMs: 60_000 }],
    });
    await send();
    await clock.advance(61_000);
    await broker.whenIdle();
    await consumer.close({ timeoutMs: 0 });
    const labels = { topic: 't', consumer_group: 'g' };
    expect(await read('rocketmq_consume_timeout_messages_total', labels)).toBe(1);
    expect(await read('rocketmq_consume_failure_messages_total', labels)).toBe(1);
    const { values } = (await broker.metrics()).rocketmq_process_time;
    expect(values[0]!.sum).toBeGreaterThanOrEqual(60_000);
  });

  it('count the ends of transactions', async () => {
    for (const state of ['COMMIT', 'ROLLBACK', 'COMMIT'] as const) {
      const { transactionId } = await broker.sendHalf({ topic: 't', body: Buffer.from('x') }, 'p');
      await broker.endTransaction(transactionId, state);
    }
    expect(await read('rocketmq_commit_messages_total', { topic: 't' })).toBe(2);
    expect(await read('rocketmq_rollback_messages_total', { topic: 't' })).toBe(1);
  });

  it('tell how large the log is, how full the disk is, and that sends are taken', async () => {
    const emptyBytes = (await read('rocketmq_storage_size'))!;
    await send({ body: Buffer.alloc(1000) });
    expect(await read('rocketmq_storage_size')).toBeGreaterThan(emptyBytes + 1000);
    expect(await read('rocketmq_broker_permission')).toBe(6);
    expect(await read('rocketmq_brokeruntime_commitlog_disk_ratio')).toBeLessThan(1);
  });

  it('let go of what was counted for a topic that is deleted', async () => {
    await send();
    await send({ topic: 'u' });
    await broker.admin.topics.delete('t');
    const metrics: EngineMetrics = await broker.metrics();
    expect(metrics.rocketmq_messages_in_total.values.map(({ labels }) => labels.topic)).toEqual(['u']);
  });

  it('let go of what a group has done with a topic that is deleted, but not while it waits for it to come', async () => {
    const consume = (topic: string): ReturnType<EmbeddedBroker['subscribe']> =>
      broker.subscribe({ group: 'g', subscriptions: [{ topic, handler: () => undefined }] });
    const first = await consume('t');
    await send();
    await settle();
    await first.close({ timeoutMs: 0 });
    const done = { consumer_group: 'g', topic: 't' };
    expect(await read('rocketmq_consume_success_messages_total', done)).toBe(1);
    await broker.admin.topics.delete('t');
    expect(await read('rocketmq_consume_success_messages_total', done)).toBeUndefined();

    await consume('t');
    expect(await read('rocketmq_consume_success_messages_total', done)).toBe(0);
    await send();
    await settle();
    expect(await read('rocketmq_consume_success_messages_total', done)).toBe(1);
  });

  it('count answers that nobody waits for any more', async () => {
    let late: (() => Promise<boolean>) | undefined;
    await broker.subscribe({
      group: 'g',
      subscriptions: [
        {
          topic: 't',
          handler: (message) => {
            late = () => broker.reply(message, { body: Buffer.from('late'), properties: {} });
          },
        },
      ],
    });
    const asking = broker.request({ topic: 't', body: Buffer.from('?') }, { timeoutMs: 100 });
    const outcome = Promise.allSettled([asking]);
    await settle();
    await clock.advance(200);
    expect(await outcome).toMatchObject([{ reason: { code: 'REQUEST_TIMEOUT' } }]);
    expect(await late!()).toBe(false);
    expect(await read('rocketmq_dropped_replies_total')).toBe(1);
  });

  /** What the records of a topic take in the log. */
  async function sizesOf(topic: string): Promise<{ items: number }> {
    const consumer = await broker.createPullConsumer({ group: 'sizes' });
    await consumer.subscribe(topic);
    const messages = await consumer.poll({ maxCount: 10, timeoutMs: 1 });
    await consumer.close();
    return { items: messages.reduce((sum, message) => sum + message.storeSize, 0) };
  }
});

function same(a: Labels, b: Labels): boolean {
  return Object.keys({ ...a, ...b }).every((name) => a[name] === b[name]);
}
