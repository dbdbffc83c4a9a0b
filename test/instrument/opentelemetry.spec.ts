import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import {
  EmbeddedBroker,
  ManualClock,
  MessageListener,
  SilentLogger,
  type MessageEngine,
  type MessageExt,
  type RocketListener,
  type SubscribeOptions,
} from 'nestjs-rocket';
import { RocketOpenTelemetry, type RocketOpenTelemetryOptions } from 'nestjs-rocket/opentelemetry';
import { startApp } from '../e2e/rocket-app.js';

const body = Buffer.from('x');

@MessageListener({ topic: 'orders', consumerGroup: 'billing' })
class OrderListener implements RocketListener {
  async onMessage(): Promise<void> {
    await Promise.resolve();
    trace.getTracer('app').startSpan('charge').end();
  }
}

describe('traces', () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  let clock: ManualClock;
  let broker: EmbeddedBroker;

  const traced = (options: RocketOpenTelemetryOptions = {}): MessageEngine =>
    new RocketOpenTelemetry(options).instrument(broker);
  const spans = (name: string): ReadableSpan[] => exporter.getFinishedSpans().filter((span) => span.name === name);
  const subscribe = (engine: MessageEngine, subscription: Partial<SubscribeOptions['subscriptions'][number]>) =>
    engine.subscribe({ group: 'g', subscriptions: [{ topic: 't', ...subscription }] });
  const idOf = (span: ReadableSpan): string => span.spanContext().spanId;
  const traceOf = (span: ReadableSpan): string => span.spanContext().traceId;

  beforeEach(async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    trace.setGlobalTracerProvider(provider);
    clock = new ManualClock();
    broker = new EmbeddedBroker({ store: { type: 'memory' } }, { clock, logger: new SilentLogger() });
    await broker.start();
  });

  afterEach(async () => {
    await broker.close();
    exporter.reset();
    context.disable();
    propagation.disable();
    trace.disable();
  });

  it('lead from a send to its handler, which is a child of it and linked to it', async () => {
    const engine = traced();
    const received: MessageExt[] = [];
    await subscribe(engine, { handler: (message) => void received.push(message) });
    const { msgId } = await engine.send({ topic: 't', body, tags: 'a', keys: 'k1 k2', shardingKey: 's' });
    await broker.whenIdle();
    const [send] = spans('send t');
    const [process] = spans('process t');
    expect(send).toMatchObject({ kind: SpanKind.PRODUCER, parentSpanContext: undefined });
    expect(send!.attributes).toMatchObject({
      'messaging.system': 'rocketmq',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 't',
      'messaging.message.id': msgId,
      'messaging.message.body.size': 1,
      'messaging.rocketmq.message.tag': 'a',
      'messaging.rocketmq.message.keys': ['k1', 'k2'],
      'messaging.rocketmq.message.group': 's',
      'messaging.rocketmq.message.type': 'fifo',
    });
    expect(process).toMatchObject({ kind: SpanKind.CONSUMER, parentSpanContext: { spanId: idOf(send!) } });
    expect(process!.links.map((link) => link.context.spanId)).toEqual([idOf(send!)]);
    expect(process!.attributes).toMatchObject({
      'messaging.operation.type': 'process',
      'messaging.consumer.group.name': 'g',
      'messaging.rocketmq.consumption_model': 'clustering',
      'messaging.message.id': msgId,
      'messaging.destination.partition.id': String(received[0]!.queueId),
    });
    expect(received[0]!.properties['traceparent']).toBe(`00-${traceOf(send!)}-${idOf(send!)}-01`);
  });

  it('begin anew at the handler when they are not to be joined, linked all the same', async () => {
    const engine = traced({ joinProducerTrace: false });
    await subscribe(engine, { handler: () => undefined });
    await engine.send({ topic: 't', body });
    await broker.whenIdle();
    const [send] = spans('send t');
    const [process] = spans('process t');
    expect(traceOf(process!)).not.toBe(traceOf(send!));
    expect(process!.links.map((link) => link.context.traceId)).toEqual([traceOf(send!)]);
  });

  it('go on through a failure, its delay, and what the handler sends', async () => {
    const engine = traced();
    let attempts = 0;
    await subscribe(engine, {
      handler: async () => {
        if (++attempts === 1) throw new TypeError('no');
        await engine.send({ topic: 'next', body });
      },
    });
    await engine.send({ topic: 't', body });
    await broker.whenIdle();
    await clock.advance(10_000, () => broker.whenIdle());
    const [send] = spans('send t');
    const processes = spans('process t');
    expect(processes).toHaveLength(2);
    for (const process of processes) expect(process.parentSpanContext?.spanId).toBe(idOf(send!));
    expect(processes[0]).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message: 'no' },
      attributes: { 'error.type': 'TypeError' },
      events: [{ name: 'exception' }],
    });
    expect(processes[1]!.status.code).toBe(SpanStatusCode.UNSET);
    expect(spans('send next')[0]!.parentSpanContext?.spanId).toBe(idOf(processes[1]!));
  });

  it('link a batch to each of its messages', async () => {
    const engine = traced();
    await engine.send({ topic: 't', body, queueId: 0 });
    await engine.sendBatch([1, 2].map(() => ({ topic: 't', body, queueId: 0 })));
    await broker.send({ topic: 't', body, queueId: 0 });
    const sizes: number[] = [];
    await engine.subscribe({
      group: 'g',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: [{ topic: 't', batchHandler: (messages) => void sizes.push(messages.length) }],
    });
    await broker.whenIdle();
    expect(sizes).toEqual([4]);
    const [single, batch] = spans('send t');
    expect(batch!.attributes).toMatchObject({ 'messaging.batch.message_count': 2 });
    const [process] = spans('process t');
    expect(process!.parentSpanContext).toBeUndefined();
    expect(process!.links.map((link) => link.context.spanId)).toEqual([idOf(single!), idOf(batch!), idOf(batch!)]);
    expect(process!.attributes).toMatchObject({ 'messaging.batch.message_count': 4 });
  });

  it('begin anew at a batch of one message, too', async () => {
    const engine = traced();
    await subscribe(engine, { batchHandler: () => undefined });
    await engine.send({ topic: 't', body });
    await broker.whenIdle();
    const [process] = spans('process t');
    expect(process!.parentSpanContext).toBeUndefined();
    expect(process!.links.map((link) => link.context.spanId)).toEqual([idOf(spans('send t')[0]!)]);
  });

  it('do not fail a send because of a tracestate that somebody sent and that can not be read', async () => {
    const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'garbage' };
    const engine = traced();
    const seen: (readonly string[])[] = [];
    await subscribe(engine, { handler: ({ properties }) => void seen.push(Object.keys(properties)) });
    await context.with(propagation.extract(context.active(), headers), () => engine.send({ topic: 't', body }));
    await broker.whenIdle();
    expect(seen[0]).toContain('traceparent');
    expect(seen[0]).not.toContain('tracestate');
  });

  it('tell of sends that are refused, by the code', async () => {
    await expect(traced().send({ topic: 'not a topic', body })).rejects.toMatchObject({ code: 'NAME_ILLEGAL' });
    expect(spans('send not a topic')[0]).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'NAME_ILLEGAL' },
    });
    await expect(traced().send({ topic: 't', body: 'text' } as never)).rejects.toMatchObject({
      code: 'MESSAGE_ILLEGAL',
    });
  });

  it('keep the context that a message carries already, and link the send to it', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const engine = traced();
    const seen: (string | undefined)[] = [];
    await subscribe(engine, { handler: ({ properties }) => void seen.push(properties['traceparent']) });
    await engine.send({ topic: 't', body, properties: { traceparent } });
    await broker.whenIdle();
    expect(seen).toEqual([traceparent]);
    expect(spans('send t')[0]!.links.map((link) => link.context.spanId)).toEqual(['b7ad6b7169203331']);
    expect(spans('process t')[0]!.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
  });

  it('cover half messages, requests and polls', async () => {
    const engine = traced();
    const { transactionId } = await engine.sendHalf({ topic: 't', body }, 'p');
    await engine.endTransaction(transactionId, 'ROLLBACK');
    expect(spans('send t')[0]!.attributes).toMatchObject({ 'messaging.rocketmq.message.type': 'transaction' });

    await subscribe(engine, { topic: 'ask', handler: (message) => engine.reply(message, { body, properties: {} }) });
    await engine.request({ topic: 'ask', body });
    await broker.whenIdle();
    expect(spans('process ask')[0]!.parentSpanContext?.spanId).toBe(idOf(spans('request ask')[0]!));

    await engine.send({ topic: 'pulled', body });
    const consumer = await engine.createPullConsumer({
      group: 'puller',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
    });
    await consumer.subscribe('pulled');
    expect(await consumer.poll({ timeoutMs: 0 })).toHaveLength(1);
    expect(spans('receive pulled')[0]).toMatchObject({
      kind: SpanKind.CLIENT,
      links: [{ context: { spanId: idOf(spans('send pulled')[0]!) } }],
    });
  });

  it('leave messages as they are when no SDK is registered', async () => {
    trace.disable();
    const engine = traced();
    const seen: object[] = [];
    await subscribe(engine, { handler: ({ properties }) => void seen.push(properties) });
    await engine.send({ topic: 't', body });
    await broker.whenIdle();
    expect(seen[0]).not.toHaveProperty('traceparent');
    expect(exporter.getFinishedSpans()).toEqual([]);
  });

  it('leave the rest of the engine as it is', async () => {
    const engine = traced() as EmbeddedBroker;
    expect(engine).toBeInstanceOf(EmbeddedBroker);
    expect(engine.admin).toBe(broker.admin);
    await expect(engine.whenIdle()).resolves.toBeUndefined();
    expect(engine.capabilities).toBe(broker.capabilities);
  });

  it('go through a Nest app by an option of the module', async () => {
    const app = await startApp({
      options: { store: { type: 'memory' }, instrumentation: new RocketOpenTelemetry() },
      providers: [OrderListener],
    });
    const root = trace.getTracer('app').startSpan('http');
    await context.with(trace.setSpan(context.active(), root), () => app.template.syncSend('orders', { id: 1 }));
    await app.broker.whenIdle();
    await app.close();
    const [send] = spans('send orders');
    const [process] = spans('process orders');
    expect(send!.parentSpanContext?.spanId).toBe(root.spanContext().spanId);
    expect(process!.parentSpanContext?.spanId).toBe(idOf(send!));
    expect(spans('charge')[0]!.parentSpanContext?.spanId).toBe(idOf(process!));
  });
});
