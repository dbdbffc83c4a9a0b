import { receivedHeaders, type MessageConverter, type RocketMessage } from '../../lib/converter/index.js';
import { DefaultMessageConverter } from '../../lib/converter/index.js';
import { TransactionListenerConflictError, TransactionStateIllegalError } from '../../lib/errors/index.js';
import type { TransactionListenerDefinition } from '../../lib/transaction/transaction-listener-definition.js';
import { TransactionListenerBindings } from '../../lib/transaction/transaction-listener.bindings.js';
import { askListener, type HalfMessage } from '../../lib/transaction/transaction-outcome.js';

function listener(name: string, parts: Partial<TransactionListenerDefinition> = {}): TransactionListenerDefinition {
  return {
    name,
    topics: [],
    producerGroup: 'shop',
    payloadType: undefined,
    execute: () => 'COMMIT',
    check: () => 'COMMIT',
    ...parts,
  };
}

describe('a half message belongs to the listener', () => {
  const fees = listener('Fees', { topics: ['fees', 'refunds'], producerGroup: 'payments' });
  const rest = listener('Rest');
  const old = listener('Old', { producerGroup: 'old-name' });
  const bindings = new TransactionListenerBindings([rest, fees, old]);

  it.each([
    ['fees', 'shop', 'Fees'],
    ['refunds', 'payments', 'Fees'],
    ['fees', 'old-name', 'Fees'],
    ['orders', 'shop', 'Rest'],
    ['orders', 'old-name', 'Old'],
    ['orders', 'payments', undefined],
    ['orders', 'unknown', undefined],
  ])('of its topic, or else of its producer group: %s of %s', (topic, group, expected) => {
    expect(bindings.find(topic, group)?.name).toBe(expected);
  });

  it('and every group that a listener names is asked about', () => {
    expect(bindings.producerGroups).toEqual(['shop', 'payments', 'old-name']);
  });

  it.each<[string, TransactionListenerDefinition, TransactionListenerDefinition, string]>([
    ['the same topic', listener('A', { topics: ['t', 'u'] }), listener('B', { topics: ['u'] }), 'topic "u"'],
    ['the same producer group', listener('A'), listener('B'), 'producer group "shop"'],
  ])('and two of them bound to %s keep the app from starting', (_what, first, second, binding) => {
    const start = (): unknown => new TransactionListenerBindings([first, second]);
    expect(start).toThrow(TransactionListenerConflictError);
    expect(start).toThrow(`A and B are both bound to ${binding}.`);
  });
});

describe('a listener that is asked about a half message', () => {
  const converter = new DefaultMessageConverter();
  const half: HalfMessage = {
    topic: 'fees',
    tags: 'paid',
    keys: 'F1',
    flag: 3,
    msgId: 'ID',
    transactionId: 'TX',
    body: Buffer.from('{"feeId":"F1"}'),
    properties: { contentType: 'application/json', tenant: 'a' },
  };
  const ask = (
    parts: Partial<TransactionListenerDefinition>,
    use: MessageConverter = converter,
  ): ReturnType<typeof askListener> => askListener(listener('Fees', parts), half, use, 'executeLocalTransaction', 42);

  it.each(['COMMIT', 'ROLLBACK', 'UNKNOWN'] as const)('decides %s, at once or by a promise', async (state) => {
    expect(await ask({ execute: () => state })).toEqual({ state });
    expect(await ask({ execute: () => Promise.resolve(state) })).toEqual({ state });
  });

  it('gets payload, headers and argument', async () => {
    let seen: { message: RocketMessage; arg: unknown } | undefined;
    await ask({
      execute: (message, arg) => {
        seen = { message, arg };
        return 'COMMIT';
      },
    });
    expect(seen?.arg).toBe(42);
    expect(seen?.message.payload).toEqual({ feeId: 'F1' });
    expect(seen?.message.headers).toEqual({
      contentType: 'application/json',
      tenant: 'a',
      rocketmq_TOPIC: 'fees',
      rocketmq_TAGS: 'paid',
      rocketmq_KEYS: 'F1',
      rocketmq_FLAG: 3,
      rocketmq_MESSAGE_ID: 'ID',
      rocketmq_TRANSACTION_ID: 'TX',
    });
  });

  it.each([undefined, null, true, 'commit', 0])('means UNKNOWN when it returns %p', async (answer) => {
    const outcome = await ask({ execute: () => answer });
    expect(outcome.state).toBe('UNKNOWN');
    expect(outcome.error).toBeInstanceOf(TransactionStateIllegalError);
  });

  it('means UNKNOWN when it throws or rejects, or when its payload can not be made', async () => {
    const error = new Error('database');
    const throwing = (): never => {
      throw error;
    };
    expect(await ask({ execute: throwing })).toEqual({ state: 'UNKNOWN', error });
    expect(await ask({ execute: () => Promise.reject(error) })).toEqual({ state: 'UNKNOWN', error });
    expect(await ask({}, { toBody: throwing, fromBody: throwing })).toEqual({ state: 'UNKNOWN', error });
  });
});

describe('headers of a message that is read', () => {
  const base = { topic: 't', tags: undefined, keys: undefined, flag: 0, msgId: 'ID', transactionId: undefined };

  it('hide what RocketMQ keeps in properties, but not how often a half message was asked about', () => {
    const properties = { UNIQ_KEY: 'ID', PGROUP: 'shop', TRAN_MSG: 'true', TRANSACTION_CHECK_TIMES: '2', tenant: 'a' };
    expect(receivedHeaders({ ...base, properties })).toEqual({
      TRANSACTION_CHECK_TIMES: '2',
      tenant: 'a',
      rocketmq_TOPIC: 't',
      rocketmq_FLAG: 0,
      rocketmq_MESSAGE_ID: 'ID',
    });
  });

  it('can not be forged by a property', () => {
    const properties = { rocketmq_TAGS: 'forged', rocketmq_own: 'kept' };
    const headers = receivedHeaders({ ...base, properties });
    expect(headers).not.toHaveProperty('rocketmq_TAGS');
    expect(headers).toHaveProperty('rocketmq_own', 'kept');
  });
});
