import type { Observable } from 'rxjs';
import {
  BatchSplitter,
  LocalTransactionState,
  MessageListener,
  RocketCtx,
  RocketHeader,
  RocketMsg,
  RocketPayload,
  RocketModule,
  RocketMessage,
  TransactionListener,
  type LocalTransactionListener,
  type MessageBatch,
  type MessageExt,
  type RocketBatchListener,
  type RocketContext,
  type RocketListener,
  type RocketPullConsumer,
  type RocketReplyListener,
  type RocketTemplate,
  type SendResult,
  type TransactionSendResult,
} from '../../lib/index.js';

// The compiler checks this file with all others: a line marked @ts-expect-error that compiles is an error as well.

class Order {
  orderNo!: string;
}

@MessageListener({ topic: 'orders', consumerGroup: 'g', payloadType: Order })
class Full implements RocketListener<Order> {
  async onMessage(order: Order, message: MessageExt): Promise<void> {
    await Promise.resolve([order.orderNo, message.msgId]);
  }
}

@MessageListener({ topic: 'orders', consumerGroup: 'g' })
class Short {
  onMessage(text: string): string {
    return text;
  }
}

// @ts-expect-error -- a class without onMessage can't be a listener
@MessageListener({ topic: 'orders', consumerGroup: 'g' })
class Forgetful {
  readonly forgets = 'onMessage';
}

@MessageListener({ topic: 'orders', consumerGroup: 'g', batchSize: 32, payloadType: Order })
class Batches implements RocketBatchListener<Order> {
  onMessages(orders: Order[], messages: MessageExt[]): number {
    return Math.min(orders.length, messages.length);
  }
}

// @ts-expect-error -- a class with a batch size has onMessages
@MessageListener({ topic: 'orders', consumerGroup: 'g', batchSize: 32 })
class OneByOne {
  onMessage(text: string): string {
    return text;
  }
}

/** Never called: the decorators would refuse it as well. */
const wrongMethods = (): unknown =>
  class {
    // @ts-expect-error -- consumerGroup is required
    @MessageListener({ topic: 'orders' })
    withoutGroup(): void {}

    // @ts-expect-error -- an option that does not exist
    @MessageListener({ topic: 'orders', consumerGroup: 'g', selector: '*' })
    mistyped(): void {}

    // @ts-expect-error -- only methods can be decorated
    @MessageListener({ topic: 'orders', consumerGroup: 'g' })
    readonly property = 1;
  };

@MessageListener({ topic: 'orders', consumerGroup: 'g', replies: true, payloadType: Order })
class Replying implements RocketReplyListener<Order, number> {
  onMessage(order: Order): Promise<number> {
    return Promise.resolve(order.orderNo.length);
  }
}

@MessageListener({
  topic: ['orders', 'refunds'],
  consumerGroup: (config) => config.get('GROUP'),
  concurrency: (config) => Number(config.get('CONCURRENCY')),
  onInvalidPayload: 'DISCARD',
})
class Configured {
  onMessage(
    @RocketCtx() context: RocketContext,
    @RocketHeader('tenant') tenant: string,
    @RocketPayload() order: Order,
    @RocketMsg() message: MessageExt,
  ): unknown {
    return [context.attempt, tenant, order, message];
  }
}

/** Never called: the compiler is who reads it. */
const wrongOptions = (): unknown => [
  // @ts-expect-error -- the function must give a number
  MessageListener({ topic: 'orders', consumerGroup: 'g', concurrency: () => '20' }),
  // @ts-expect-error -- there is no such choice
  MessageListener({ topic: 'orders', consumerGroup: 'g', onForbidden: 'DROP' }),
  // @ts-expect-error -- a template needs a name
  RocketModule.forFeature({ producer: { group: 'payments' } }),
];

/** What configuration services answer for what is not configured. */
const notConfigured: undefined = undefined;
const leftOut = (): unknown => [
  RocketModule.forRoot({ store: { path: notConfigured }, transaction: { checkMax: notConfigured } }),
  MessageListener({ topic: 'orders', consumerGroup: 'g', onUnreadablePayload: (config) => config.get('UNREADABLE') }),
];

@TransactionListener({ topic: 'orders' })
class Transactions implements LocalTransactionListener<Order> {
  constructor(readonly service: Full) {}

  executeLocalTransaction(message: RocketMessage<Order>, arg: { tenant: string }): LocalTransactionState {
    return message.payload.orderNo === arg.tenant ? LocalTransactionState.COMMIT : LocalTransactionState.ROLLBACK;
  }

  checkLocalTransaction(message: RocketMessage<Order>): Promise<LocalTransactionState> {
    return Promise.resolve(message.payload.orderNo === '' ? 'UNKNOWN' : 'COMMIT');
  }
}

// @ts-expect-error -- checkLocalTransaction is missing
@TransactionListener()
class HalfListener {
  executeLocalTransaction(): LocalTransactionState {
    return 'COMMIT';
  }
}

/** Never called: its types are the test. */
async function sends(template: RocketTemplate): Promise<unknown[]> {
  const results: SendResult[] = [
    await template.syncSend('t', 'x'),
    await template.syncSend('t', 'x', 3000),
    await template.syncSend('t', 'x', 3000, 3),
    await template.syncSend('t', new RocketMessage(new Order()), { timeoutMs: 1, delayLevel: 3, keys: ['A'] }),
  ];
  const nothing: void = template.asyncSend(
    't',
    'x',
    { onSuccess: () => undefined, onException: () => undefined },
    1,
    2,
  );
  const observed: Observable<SendResult> = template.asyncSend('t', 'x', { flag: 1 });
  const oneWay: Promise<void> = template.sendOneWay('t', 'x', { waitStoreMsgOK: false });
  const inTransaction: TransactionSendResult = await template.sendMessageInTransaction('t', 'x', { tenant: 'a' });
  const state: 'COMMIT' | 'ROLLBACK' | 'UNKNOWN' = inTransaction.localTransactionState;
  const batch = [new RocketMessage('a'), new RocketMessage('b')];
  results.push(
    await template.syncSend('t', batch, 3000),
    await template.syncSend('t', batch, { hashKey: 'k', timeoutMs: 5 }),
    await template.syncSendOrderly('t', 'x', 'key'),
    await template.syncSendOrderly('t', 'x', 'key', 3000, 3),
    await template.syncSendOrderly('t', 'x', 'key', { deliverAt: new Date(0) }),
    await template.syncSendOrderly('t', batch, 'key', 3000),
    await template.syncSend('t', 'x', {
      hashKey: 'k',
      selectQueue: (queues, message, key) => queues[key?.length ?? message.body.length]!,
    }),
  );
  results.push(
    await template.syncSendDelayTimeSeconds('t', 'x', 5),
    await template.syncSendDelayTimeMills('t', 'x', 5, { keys: 'A', hashKey: 'k' }),
    await template.syncSendDeliverTimeMills('t', 'x', new Date(0)),
  );
  const recalled: string = await template.recall('t', results[0]?.recallHandle ?? '');
  // @ts-expect-error -- the delay is an argument already
  await template.syncSendDelayTimeMills('t', 'x', 5, { delayLevel: 3 });
  const replied: [Order, string, number, Order[], Buffer, unknown] = [
    await template.sendAndReceive('t', 'x', Order),
    await template.sendAndReceive('t', 'x', String, 3000),
    await template.sendAndReceive('t', 'x', Number, 'key', 3000),
    await template.sendAndReceive('t', 'x', { replyType: [Order], timeoutMs: 3000, hashKey: 'key' }),
    await template.sendAndReceive('t', 'x', Buffer),
    await template.sendAndReceive('t', 'x'),
  ];
  const answered: void = template.sendAndReceive(
    't',
    'x',
    { replyType: Order, onSuccess: (order) => order.orderNo, onException: () => undefined },
    'key',
    3000,
  );
  // @ts-expect-error -- the reply is what the type says
  const wrongReply: number = await template.sendAndReceive('t', 'x', Order);
  // @ts-expect-error -- a request can't be delayed
  await template.sendAndReceive('t', 'x', { delayMs: 5 });
  const received: [Order[], unknown[]] = [await template.receive(Order, 3000), await template.receive({ maxCount: 3 })];
  const consumer: RocketPullConsumer<Order> = await template.createPullConsumer({ group: 'g', payloadType: Order });
  for await (const { payload, message } of consumer) received[0].push(payload, { orderNo: message.msgId });
  // @ts-expect-error -- a pull consumer has a group
  await template.createPullConsumer({});
  const orderly: Observable<SendResult> = template.asyncSendOrderly('t', 'x', 'key', { delayMs: 5 });
  const callback = { onSuccess: (): void => undefined, onException: (): void => undefined };
  const told: void = template.asyncSendOrderly('t', 'x', 'key', callback, 3000, 3);
  const toldWithOptions: void = template.asyncSend('t', 'x', callback, { keys: 'A' });
  await template.sendOneWayOrderly('t', 'x', 'key', { delayLevel: 2 });
  const parts: Iterable<MessageBatch> = new BatchSplitter('t', batch, { maxSizeBytes: 1000 });
  // @ts-expect-error -- an orderly send has a key
  await template.syncSendOrderly('t', 'x');
  // @ts-expect-error -- a key that may be undefined would scatter what belongs together
  await template.syncSend('t', 'x', { hashKey: undefined });
  // @ts-expect-error -- a selector answers at once
  await template.syncSend('t', 'x', { selectQueue: (queues) => Promise.resolve(queues[0]) });
  // @ts-expect-error -- a splitter takes messages
  const strangers = new BatchSplitter('t', ['x']);
  // @ts-expect-error -- a delay level beside an options object would have no place
  await template.syncSend('t', 'x', {}, 3);
  // @ts-expect-error -- an option that does not exist
  await template.syncSend('t', 'x', { timeout: 5 });
  // @ts-expect-error -- send takes a message, convertAndSend a payload
  await template.send('t', 'x');
  // @ts-expect-error -- a one-way send has no timeout, since nobody waits
  await template.sendOneWay('t', 'x', { timeoutMs: 5 });
  // @ts-expect-error -- without a callback there are options, not numbers
  template.asyncSend('t', 'x', 3000);
  return [
    ...results,
    nothing,
    observed,
    oneWay,
    state,
    orderly,
    told,
    toldWithOptions,
    parts,
    strangers,
    recalled,
    replied,
    answered,
    wrongReply,
    received,
  ];
}

describe('the types of decorators and template', () => {
  it('are checked by the compiler, over these declarations', () => {
    expect(
      [
        Full,
        Replying,
        Short,
        Forgetful,
        Configured,
        wrongOptions,
        leftOut,
        Batches,
        OneByOne,
        wrongMethods,
        Transactions,
        HalfListener,
        sends,
      ].map(({ name }) => name),
    ).toHaveLength(13);
  });
});
