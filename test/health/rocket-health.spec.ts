import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { ENGINE_METRICS, MessageListener, type EngineMetrics, type RocketListener } from 'nestjs-rocket';
import { RocketHealthIndicator, RocketHealthModule, type RocketHealthLimits } from 'nestjs-rocket/health';
import { judgeHealth } from '../../lib/health/health-limits.js';
import { startApp, type RocketApp } from '../e2e/rocket-app.js';

@MessageListener({ topic: 'orders', consumerGroup: 'slow' })
class SlowListener implements RocketListener {
  onMessage(): never {
    throw new Error('not now');
  }
}

describe('the health of a broker', () => {
  let app: RocketApp;

  beforeEach(async () => {
    app = await startApp({ imports: [TerminusModule, RocketHealthModule], providers: [SlowListener] });
  });

  afterEach(() => app.close());

  const isHealthy = (limits?: RocketHealthLimits): Promise<object> =>
    app.module.get(RocketHealthIndicator).isHealthy('broker', limits);

  it('is up with what was looked at', async () => {
    expect(await isHealthy()).toMatchObject({ broker: { status: 'up', takesSends: true, lagMessages: {} } });
  });

  it('is seen by the health check of terminus, and fails it when a limit is passed', async () => {
    const check = (limits: RocketHealthLimits): Promise<unknown> =>
      app.module
        .get(HealthCheckService)
        .check([() => app.module.get(RocketHealthIndicator).isHealthy('broker', limits)]);
    expect(await check({})).toMatchObject({ status: 'ok', info: { broker: { status: 'up' } } });
    await expect(check({ maxDiskUsedRatio: 0 })).rejects.toMatchObject({
      status: 503,
      response: { error: { broker: { status: 'down', message: expect.stringContaining('the limit is 0 %') } } },
    });
  });

  it('counts retries that wait in the retry topic, and messages that wait in queues, as lag', async () => {
    await app.broker.send({ topic: 'orders', body: Buffer.from('x') });
    await app.broker.whenIdle();
    // The failed message waits for its delay level and is no lag of the group.
    expect(await isHealthy({ maxLagMessages: 0 })).toMatchObject({
      broker: { status: 'up', lagMessages: { slow: 0 } },
    });
  });

  it.each<[string, object, RegExp]>([
    ['a percentage', { maxDiskUsedRatio: 95 }, /maxDiskUsedRatio is 95, but must be a number from 0 to 1/],
    ['text', { maxLagMessages: '100' }, /maxLagMessages is "100", but must be a number from 0/],
    ['text for a group', { maxLagMessages: { slow: '100' } }, /maxLagMessages is .* with one for each group/],
    ['a name that does not exist', { maxLag: 100 }, /has no option maxLag\..*maxLagMessages/],
  ])('refuses a limit that could never be passed: %s', async (_what, limits, message) => {
    await expect(isHealthy(limits)).rejects.toThrow(message);
  });

  it('is down when the broker is closed', async () => {
    await app.broker.close();
    expect(await isHealthy()).toMatchObject({ broker: { status: 'down', message: expect.stringContaining('closed') } });
  });
});

describe('the judgement', () => {
  /** Metrics with these values and nothing else. */
  const metrics = (values: Partial<Record<keyof EngineMetrics, readonly object[]>>): EngineMetrics =>
    Object.fromEntries(
      Object.keys(ENGINE_METRICS).map((name) => [name, { values: values[name as keyof EngineMetrics] ?? [] }]),
    ) as unknown as EngineMetrics;
  const lag = (group: string, value: number): object => ({
    labels: { topic: 't', consumer_group: group, queue_id: '0' },
    value,
  });
  const permission = [{ labels: {}, value: 6 }];

  it('looks at the lag of every group, or of those that are named', () => {
    const seen = metrics({
      rocketmq_broker_permission: permission,
      rocketmq_consumer_lag_messages: [lag('a', 3), lag('a', 4), lag('b', 8)],
    });
    expect(judgeHealth(seen, {}).complaints).toEqual([]);
    expect(judgeHealth(seen, { maxLagMessages: 7 })).toMatchObject({
      complaints: ['Consumer group "b" is 8 messages behind; the limit is 7.'],
      lagMessages: { a: 7, b: 8 },
    });
    expect(judgeHealth(seen, { maxLagMessages: { a: 6 } })).toMatchObject({
      complaints: ['Consumer group "a" is 7 messages behind; the limit is 6.'],
      lagMessages: { a: 7 },
    });
  });

  it('looks at the disk and at whether sends are taken', () => {
    const seen = metrics({
      rocketmq_broker_permission: [{ labels: {}, value: 4 }],
      rocketmq_brokeruntime_commitlog_disk_ratio: [{ labels: {}, value: 0.961 }],
    });
    expect(judgeHealth(seen, {}).complaints).toEqual([
      'The store refuses sends.',
      '96.1 % of the disk is used; the limit is 95 %.',
    ]);
    expect(judgeHealth(seen, { maxDiskUsedRatio: 0.97 }).complaints).toEqual(['The store refuses sends.']);
  });
});
