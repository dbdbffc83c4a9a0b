import {
  GroupConflictError,
  InvalidOptionError,
  NameIllegalError,
  StoreClosedError,
} from '../../../lib/errors/index.js';
import type { SubscriptionSpec } from '../../../lib/engine/types/index.js';
import { ConsumeHarness, Gate, Witness } from './consume-harness.js';

let harness: ConsumeHarness;

beforeEach(async () => {
  harness = await ConsumeHarness.open();
});

afterEach(() => harness.close());

const tag = (expression: string) => ({ type: 'TAG', expression }) as const;

describe('members of one group', () => {
  it.each<[string, readonly Partial<SubscriptionSpec>[], string]>([
    ['another selector', [{ selector: tag('B') }], 'CONCURRENTLY by TAG "A" and CONCURRENTLY by TAG "B"'],
    ['another mode', [{ selector: tag('A'), consumeMode: 'ORDERLY' }], 'ORDERLY'],
    ['another topic', [{ topic: 'fees', selector: tag('A') }], 'does not'],
    ['a topic more', [{ selector: tag('A') }, { topic: 'fees' }], 'does not'],
  ])('are refused with %s', async (_, subscriptions, difference) => {
    await harness.subscribe('shop', { selector: tag('A') });
    const joining = harness.subscribe('shop', subscriptions);
    await expect(joining).rejects.toThrow(GroupConflictError);
    await expect(joining).rejects.toThrow(difference);
  });

  it('are refused with another model', async () => {
    await harness.subscribe('shop', {});
    const joining = harness.subscribe('shop', {}, { messageModel: 'BROADCASTING' });
    await expect(joining).rejects.toThrow('CLUSTERING and BROADCASTING');
  });

  it('are refused also when they come at the same moment', async () => {
    const results = await Promise.allSettled([
      harness.subscribe('shop', { selector: tag('A') }),
      harness.subscribe('shop', { selector: tag('B') }),
    ]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('may write the same tags in another way', async () => {
    await harness.subscribe('shop', { selector: tag('A || B') });
    await expect(harness.subscribe('shop', { selector: tag('B||A') })).resolves.toBeDefined();
  });

  it('are warned of an expression over properties that is taken for a tag', async () => {
    await harness.subscribe('shop', { selector: tag('A || amount > 3') });
    expect(harness.logger.warnings).toEqual([
      'The selector of group "shop" for topic "orders" selects little: "amount > 3" is taken for a tag; an expression over properties needs the selector type SQL92.',
    ]);
    await harness.subscribe('other', { selector: tag('made-in-china || Tag A || a-or-b') });
    expect(harness.logger.warnings).toHaveLength(1);
  });

  it('must have different names', async () => {
    await harness.subscribe('shop', {}, { clientId: 'a' });
    await expect(harness.subscribe('shop', {}, { clientId: 'a' })).rejects.toThrow('no other member');
  });

  it('may change their subscriptions when all have left; a handler that is still running is waited for', async () => {
    await harness.createTopic('orders', 1);
    const gate = new Gate();
    const first = await harness.subscribe('shop', { handler: gate.handler });
    await harness.send('orders', ['m', 'n']);
    const closing = first.close({ timeoutMs: 60_000 });
    const witness = new Witness();
    let hasJoined = false;
    const joining = harness.subscribe('shop', { handler: witness.handler, consumeMode: 'ORDERLY' }).then(() => {
      hasJoined = true;
    });
    await harness.settle();
    expect(hasJoined).toBe(false);
    gate.endAll();
    await Promise.all([closing, joining]);
    await harness.send('orders', ['o']);
    expect(witness.bodies).toEqual(['o']);
  });
});

describe('a subscription', () => {
  it.each(['', 'two words', 'a@b', 'x'.repeat(121), 'DEFAULT_CONSUMER', 'CID_RMQ_SYS_TRANS'])(
    'is refused for a group named %j',
    async (group) => {
      await expect(harness.subscribe(group, {})).rejects.toThrow(NameIllegalError);
    },
  );

  it.each(['', 'a.b', 'x'.repeat(128), '%RETRY%shop', '%DLQ%shop'])(
    'is refused for a topic named %j',
    async (topic) => {
      await expect(harness.subscribe('shop', { topic })).rejects.toThrow(NameIllegalError);
    },
  );

  it('is possible for the dead letters of a group with a long name', async () => {
    const topic = `%DLQ%${'x'.repeat(120)}`;
    await expect(harness.subscribe('support', { topic })).resolves.toBeDefined();
  });

  it.each<[string, Partial<SubscriptionSpec>]>([
    ['concurrency', { concurrency: 0 }],
    ['concurrency', { concurrency: 1.5 }],
    ['maxReconsumeTimes', { maxReconsumeTimes: -2 }],
    ['delayLevelWhenNextConsume', { delayLevelWhenNextConsume: 19 }],
    ['pullThresholdForQueue', { pullThresholdForQueue: 0 }],
    ['pullThresholdSizeForQueueBytes', { pullThresholdSizeForQueueBytes: Number.NaN }],
    ['suspendCurrentQueueTimeMs', { suspendCurrentQueueTimeMs: -5 }],
    ['consumeMode', { consumeMode: 'SOMEHOW' as 'ORDERLY' }],
    ['handler', { handler: undefined }],
  ])('is refused with a bad %s', async (option, subscription) => {
    const refused = harness.subscribe('shop', subscription);
    await expect(refused).rejects.toThrow(InvalidOptionError);
    await expect(refused).rejects.toThrow(option);
  });

  it('is refused without a topic, or with one twice', async () => {
    await expect(harness.subscribe('shop', [])).rejects.toThrow(InvalidOptionError);
    await expect(harness.subscribe('shop', [{}, {}])).rejects.toThrow(GroupConflictError);
  });

  it('is refused with a selector that can not be read, and leaves no trace', async () => {
    const selector = { type: 'SQL92', expression: 'a >' } as const;
    await expect(harness.subscribe('shop', { selector })).rejects.toThrow('SQL92');
    expect(harness.store.context.groups.get('shop')).toBeUndefined();
    expect(harness.consume.groups()).toEqual([]);
  });

  it('is refused when the service is closed', async () => {
    await harness.consume.close();
    await expect(harness.subscribe('shop', {})).rejects.toThrow(StoreClosedError);
  });

  it('registers the group with RocketMQ’s defaults', async () => {
    await harness.subscribe('shop', {});
    expect(harness.store.context.groups.get('shop')).toMatchObject({ consumeEnable: true, retryMaxTimes: 16 });
  });
});
