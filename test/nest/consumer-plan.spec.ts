import { ListenerConflictError } from '../../lib/errors/index.js';
import { planConsumers } from '../../lib/listener/consumer-plan.js';
import type { ListenerDefinition } from '../../lib/listener/listener-definition.js';
import { resolveListenerOptions } from '../../lib/listener/listener-options.js';
import type { MessageListenerOptions } from '../../lib/decorators/index.js';
import type { ConsumerSpec } from '../../lib/engine/index.js';

function listener(name: string, options: Partial<MessageListenerOptions>): ListenerDefinition {
  const all = { topic: 'orders', consumerGroup: 'shop', ...options };
  return { name, options: resolveListenerOptions(name, all), invoke: () => name };
}

const plan = (...listeners: ListenerDefinition[]): readonly ConsumerSpec[] =>
  planConsumers(listeners, (each) => ({ handler: (message) => each.invoke(undefined, message) }));

function conflictOf(first: Partial<MessageListenerOptions>, second: Partial<MessageListenerOptions>): string {
  try {
    plan(listener('First', first), listener('Second', second));
  } catch (error) {
    if (error instanceof ListenerConflictError) return error.message;
    throw error;
  }
  return 'none';
}

describe('the listeners of an app', () => {
  it('are one member of each group that they name, with all its subscriptions', () => {
    const specs = plan(
      listener('A', { topic: 'orders' }),
      listener('B', { topic: 'fees', concurrency: 3, selectorExpression: 'paid || due' }),
      listener('C', {
        consumerGroup: 'audit',
        messageModel: 'BROADCASTING',
        consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      }),
    );
    expect(specs).toMatchObject([
      {
        group: 'shop',
        messageModel: 'CLUSTERING',
        consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
        subscriptions: [
          { topic: 'orders', concurrency: 20, selector: { type: 'TAG', expression: '*' } },
          { topic: 'fees', concurrency: 3, selector: { type: 'TAG', expression: 'paid || due' } },
        ],
      },
      {
        group: 'audit',
        messageModel: 'BROADCASTING',
        consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
        subscriptions: [{ topic: 'orders' }],
      },
    ]);
    const handlers = specs.flatMap((spec) => spec.subscriptions.map((subscription) => subscription.handler));
    expect(handlers.map((handler) => handler?.({} as never))).toEqual(['A', 'B', 'C']);
  });

  it.each<[string, Partial<MessageListenerOptions>, Partial<MessageListenerOptions>]>([
    [
      'selectorExpression is a in the first and b in the second',
      { selectorExpression: 'a' },
      { selectorExpression: 'b' },
    ],
    [
      'selectorType is TAG in the first and SQL92 in the second',
      {},
      { selectorType: 'SQL92', selectorExpression: 'a > 1' },
    ],
    ['consumeMode is CONCURRENTLY in the first and ORDERLY in the second', {}, { consumeMode: 'ORDERLY' }],
    ['messageModel is CLUSTERING in the first and BROADCASTING in the second', {}, { messageModel: 'BROADCASTING' }],
    [
      'consumeFromWhere is CONSUME_FROM_LAST_OFFSET in the first and CONSUME_FROM_FIRST_OFFSET in the second',
      {},
      { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' },
    ],
    ['each message would go to one of them by chance', {}, {}],
    ['each message would go to one of them by chance', {}, { concurrency: 5 }],
  ])('may not differ on one topic of a group: %s', (difference, first, second) => {
    const text = conflictOf(first, second);
    expect(text).toContain('First and Second both belong to consumer group "shop" (topic orders)');
    expect(text).toContain(difference);
  });

  it('may not differ on the topics of one group in what a group has but one of', () => {
    expect(conflictOf({ topic: 'a' }, { topic: 'b', messageModel: 'BROADCASTING' })).toContain('(topic a, b)');
    expect(conflictOf({ topic: 'a' }, { topic: 'b', consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' })).not.toBe('none');
    const timestamps = [1, 2].map((consumeTimestampMs): Partial<MessageListenerOptions> => ({
      topic: `t${consumeTimestampMs}`,
      consumeFromWhere: 'CONSUME_FROM_TIMESTAMP',
      consumeTimestampMs,
    }));
    expect(conflictOf(timestamps[0] ?? {}, timestamps[1] ?? {})).toContain('consumeTimestampMs');
  });

  it('may differ on the topics of one group in all the rest, and between groups in everything', () => {
    expect(conflictOf({ topic: 'a' }, { topic: 'b', consumeMode: 'ORDERLY', selectorExpression: 'x' })).toBe('none');
    expect(conflictOf({ consumerGroup: 'a' }, { consumerGroup: 'b', messageModel: 'BROADCASTING' })).toBe('none');
  });
});
