import { Gauge, Registry, register } from 'prom-client';
import {
  EmbeddedBroker,
  ENGINE_METRICS,
  ManualClock,
  MessageListener,
  SilentLogger,
  type MessageEngine,
} from 'nestjs-rocket';
import { registerRocketMetrics, RocketPrometheusModule } from 'nestjs-rocket/prometheus';
import { startApp } from '../e2e/rocket-app.js';

const body = Buffer.from('x');

describe('the metrics in prom-client', () => {
  let broker: EmbeddedBroker;
  let registry: Registry;

  const open = async (): Promise<EmbeddedBroker> => {
    const made = new EmbeddedBroker(
      { store: { type: 'memory' }, defaultTopicQueueNums: 1 },
      { clock: new ManualClock(), logger: new SilentLogger() },
    );
    await made.start();
    return made;
  };
  /** The lines of a scrape that begin with this name. */
  const lines = async (name: string): Promise<string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));

  beforeEach(async () => {
    broker = await open();
    registry = new Registry();
  });

  afterEach(() => broker.close());

  it('are all in the text, each with its help and type', async () => {
    registerRocketMetrics(broker, { registry });
    const text = await registry.metrics();
    for (const [name, { type, help, unit }] of Object.entries(ENGINE_METRICS)) {
      expect(text).toContain(`# HELP ${name} ${help} Unit: ${unit}.\n# TYPE ${name} ${type}\n`);
    }
  });

  it('are read at the scrape, counters, gauges and histograms alike', async () => {
    registerRocketMetrics(broker, { registry });
    expect(await lines('rocketmq_messages_in_total')).toEqual([]);
    await broker.send({ topic: 't', body });
    await broker.send({ topic: 't', body, delayLevel: 2 });
    expect(await lines('rocketmq_messages_in_total')).toEqual([
      'rocketmq_messages_in_total{topic="t",message_type="normal"} 1',
      'rocketmq_messages_in_total{topic="t",message_type="delay"} 1',
    ]);
    expect(await lines('rocketmq_delay_messages{delay_level="2"}')).toEqual([
      'rocketmq_delay_messages{delay_level="2"} 1',
    ]);
    const histogram = await lines('rocketmq_send_cost_time');
    expect(histogram).toContain('rocketmq_send_cost_time_bucket{le="0.1",invocation_status="success"} 2');
    expect(histogram).toContain('rocketmq_send_cost_time_bucket{le="+Inf",invocation_status="success"} 2');
    expect(histogram).toContain('rocketmq_send_cost_time_count{invocation_status="success"} 2');
    expect(histogram).toContain('rocketmq_send_cost_time_sum{invocation_status="success"} 0');
  });

  it('cost one reading a scrape', async () => {
    let readings = 0;
    const counted = { metrics: () => (readings++, broker.metrics()) } as unknown as MessageEngine;
    registerRocketMetrics(counted, { registry });
    await registry.metrics();
    await registry.metrics();
    expect(readings).toBe(2);
  });

  it('are told apart by labels when two brokers are in one registry, which must differ', async () => {
    const other = await open();
    await other.send({ topic: 't', body });
    const remove = registerRocketMetrics(broker, { registry, labels: { node_id: 'a' } });
    registerRocketMetrics(other, { registry, labels: { node_id: 'b' } });
    expect(() => registerRocketMetrics(other, { registry, labels: { node_id: 'b' } })).toThrow(
      expect.objectContaining({ code: 'METRIC_LABELS_TAKEN' }) as Error,
    );
    expect(await lines('rocketmq_messages_in_total')).toEqual([
      'rocketmq_messages_in_total{node_id="b",topic="t",message_type="normal"} 1',
    ]);
    expect(await lines('rocketmq_broker_permission')).toHaveLength(2);
    remove();
    expect(await lines('rocketmq_broker_permission')).toEqual(['rocketmq_broker_permission{node_id="b"} 6']);
    await other.close();
  });

  it.each(['node-id', '0', '__name', 'topic', 'le', ''])(
    'refuse the label "%s", which would break the scrape',
    (name) => {
      expect(() => registerRocketMetrics(broker, { registry, labels: { [name]: 'a' } })).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION' }) as Error,
      );
      expect(registry.getMetricsAsArray()).toEqual([]);
    },
  );

  it('are taken out by whoever put them in, also after the registry was cleared', async () => {
    const remove = registerRocketMetrics(broker, { registry });
    registry.clear();
    registerRocketMetrics(broker, { registry });
    remove();
    expect(await lines('rocketmq_broker_permission')).toEqual(['rocketmq_broker_permission 6']);
  });

  it('leave nothing behind when the registry has one of their names already', () => {
    const half = new Gauge({ name: 'rocketmq_half_messages', help: 'of the app', registers: [registry] });
    expect(() => registerRocketMetrics(broker, { registry })).toThrow(/rocketmq_half_messages/);
    expect(registry.getMetricsAsArray()).toEqual([half]);
  });

  it('are also there as JSON and in the text of OpenMetrics', async () => {
    const openMetrics = new Registry();
    openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    await broker.send({ topic: 't', body });
    registerRocketMetrics(broker, { registry: openMetrics });
    expect(await openMetrics.metrics()).toContain('\nrocketmq_messages_in_total{topic="t",message_type="normal"} 1\n');
    registerRocketMetrics(broker, { registry, labels: {} });
    const json = await registry.getMetricsAsJSON();
    expect(json.find(({ name }) => name === 'rocketmq_messages_in_total')).toMatchObject({ type: 'counter' });
  });

  it('leave the other metrics of the app alone when the broker is closed', async () => {
    registerRocketMetrics(broker, { registry });
    await broker.close();
    expect(await lines('rocketmq_')).toEqual([]);
  });

  it('are refused of an engine that does not count', () => {
    expect(() => registerRocketMetrics({} as MessageEngine, { registry })).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_BY_ENGINE' }) as Error,
    );
  });

  it('of an app that did not start leave their place to the next one', async () => {
    @MessageListener({ topic: 'orders', consumerGroup: 'g', selectorType: 'SQL92', selectorExpression: 'a >' })
    class BadSql {
      onMessage(): void {}
    }
    const imports = [RocketPrometheusModule.forRoot({ registry })];
    await expect(startApp({ imports, providers: [BadSql] })).rejects.toThrow(/SQL92/);
    await (await startApp({ imports })).close();
  });

  it('come and go with an app, in the default registry if none is given', async () => {
    const app = await startApp({ imports: [RocketPrometheusModule.forRoot()] });
    await app.template.syncSend('orders', { id: 1 });
    expect(await register.metrics()).toContain('rocketmq_messages_in_total{topic="orders",message_type="normal"} 1');
    await app.close();
    expect(await register.metrics()).not.toContain('rocketmq_');
  });
});
