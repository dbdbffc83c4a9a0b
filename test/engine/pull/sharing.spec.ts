import type { PullConsumer } from '../../../lib/engine/types/index.js';
import { Gate } from '../../support/gate.js';
import { bodies, numbered, pollNow, PullHarness, queue, Watched } from './pull-harness.js';

let harness: PullHarness;

beforeEach(async () => {
  harness = await PullHarness.open();
  await harness.createTopic('log', 5);
});

afterEach(() => harness.close());

const queueIds = (consumer: PullConsumer): readonly number[] => consumer.assignment().map(({ queueId }) => queueId);

describe('the pull consumers of a group that subscribe to a topic', () => {
  it('share its queues by the averaging rule, as members come and go', async () => {
    const first = await harness.subscribed();
    expect(queueIds(first)).toEqual([0, 1, 2, 3, 4]);
    const second = await harness.subscribed();
    expect([first, second].map(queueIds)).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
    const third = await harness.subscribed();
    expect([first, second, third].map(queueIds)).toEqual([[0, 1], [2, 3], [4]]);
    await first.close();
    expect([second, third].map(queueIds)).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
    await second.unsubscribe('log');
    expect([second, third].map(queueIds)).toEqual([[], [0, 1, 2, 3, 4]]);
    expect(harness.pull.members('readers')).toEqual([second, third]);
  });

  it('do not share with other groups', async () => {
    const first = await harness.subscribed();
    const stranger = await harness.subscribed({ group: 'others' });
    expect([first, stranger].map(queueIds)).toEqual([
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
    ]);
  });

  it('share each topic among those that subscribe to it', async () => {
    await harness.createTopic('audit', 2);
    const both = await harness.subscribed();
    await both.subscribe('audit');
    const second = await harness.subscribed();
    expect(queueIds(second)).toEqual([3, 4]);
    expect(both.assignment()).toEqual([queue(0, 'audit'), queue(1, 'audit'), queue(0), queue(1), queue(2)]);
  });

  it('go on where the last owner of a queue had consumed; only its last poll comes again', async () => {
    for (let queueId = 0; queueId < 2; queueId++) await harness.send('log', queueId + 3, numbered(`q${queueId}-`, 6));
    const first = await harness.subscribed();
    expect(await pollNow(first, 4)).toEqual(numbered('q0-', 4));
    expect(await pollNow(first, 4)).toHaveLength(4);
    const second = await harness.subscribed();
    // Of the four that the second poll returned nobody knows whether they are done.
    const seen = [...(await pollNow(second)), ...(await pollNow(second))].toSorted();
    expect(seen).toEqual(['q0-4', 'q0-5', ...numbered('q1-', 6)]);
    expect(await pollNow(first)).toEqual([]);
  });

  it('lose no message to one that waits without queues', async () => {
    await harness.createTopic('single', 1);
    const first = await harness.subscribed({}, 'single');
    const spare = await harness.subscribed({}, 'single');
    const poll = new Watched(spare.poll({ timeoutMs: 60_000 }));
    await harness.send('single', 0, ['m0']);
    expect(poll.state).toBe('pending');
    expect(await pollNow(first)).toEqual(['m0']);
    await first.close();
    await harness.settle();
    // Closed without another poll or a commit: it may not have been done.
    expect(bodies(poll.value!)).toEqual(['m0']);
  });

  it('begin where the group began, also those that come later', async () => {
    await harness.send('log', 4, ['old']);
    const { clock } = harness.store;
    await harness.advance(1000);
    const rule = () => ({ consumeFromWhere: 'CONSUME_FROM_TIMESTAMP', consumeTimestampMs: clock.now() }) as const;
    const first = await harness.subscribed({ ...rule(), autoCommit: false });
    await harness.send('log', 4, ['new']);
    await harness.advance(1000);
    const second = await harness.subscribed({ ...rule(), autoCommit: false });
    expect(await pollNow(second)).toEqual(['new']);
    expect(await pollNow(first)).toEqual([]);
  });

  it('keep what one of them has committed while another one still looks for its start', async () => {
    const gate = new Gate();
    let lookUps = 0;
    await harness.close();
    harness = await PullHarness.open((store) => ({
      offsetByTime: async (topic, queueId, timestampMs) => {
        if (++lookUps === 1) await gate.opened;
        return store.offsetByTime(topic, queueId, timestampMs);
      },
    }));
    await harness.createTopic('single', 1);
    await harness.send('single', 0, numbered('m', 5));
    const rule = { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP', consumeTimestampMs: 0 } as const;
    const slow = await harness.create(rule);
    const subscribing = new Watched(slow.subscribe('single'));
    const quick = await harness.subscribed(rule, 'single');
    expect(await pollNow(quick, 3)).toEqual(numbered('m', 3));
    await quick.commit();
    gate.open();
    await harness.settle();
    expect(subscribing.state).toBe('resolved');
    expect(harness.committed('single')).toEqual([3]);
  });

  it('can subscribe at the same time', async () => {
    await harness.send('log', 2, numbered('m', 5));
    const consumers = await Promise.all(Array.from({ length: 5 }, () => harness.subscribed()));
    expect(consumers.flatMap(queueIds).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
    const seen = await Promise.all(consumers.map((consumer) => pollNow(consumer)));
    expect(seen.flat()).toEqual(numbered('m', 5));
  });
});

describe('a topic', () => {
  it('that comes into being after the subscription is read from its first message on', async () => {
    const consumer = await harness.create({ consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' });
    await consumer.subscribe('later');
    const poll = new Watched(consumer.poll({ timeoutMs: 60_000 }));
    await harness.createTopic('later', 2);
    await harness.send('later', 1, ['first']);
    expect(bodies(poll.value!)).toEqual(['first']);
    expect(consumer.assignment()).toEqual([queue(0, 'later'), queue(1, 'later')]);
  });

  it('that gets more queues is read from the beginning of the new ones', async () => {
    const consumer = await harness.subscribed({ consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' });
    const poll = new Watched(consumer.poll({ timeoutMs: 60_000 }));
    await harness.settle();
    await harness.createTopic('log', 7);
    await harness.send('log', 6, ['m']);
    expect(bodies(poll.value!)).toEqual(['m']);
    expect(queueIds(consumer)).toHaveLength(7);
  });

  it('that gets more queues without a message is looked at by the next poll, and by one that waits within 20 s', async () => {
    await harness.createTopic('log', 1, { writeQueueNums: 2 });
    await harness.send('log', 1, ['not read yet']);
    const consumer = await harness.subscribed();
    const poll = new Watched(consumer.poll({ timeoutMs: 60_000 }));
    await harness.settle();
    await harness.createTopic('log', 2);
    await harness.advance(19_999);
    expect(poll.state).toBe('pending');
    await harness.advance(1);
    expect(bodies(poll.value!)).toEqual(['not read yet']);
    await harness.createTopic('log', 4);
    await pollNow(consumer);
    expect(queueIds(consumer)).toEqual([0, 1, 2, 3]);
  });

  it('that was changed is looked at once when the service is told', async () => {
    const consumer = await harness.subscribed();
    await harness.createTopic('log', 3);
    harness.pull.refresh();
    expect(queueIds(consumer)).toEqual([0, 1, 2]);
  });

  it('that loses queues and gets them back goes on there where it was', async () => {
    await harness.send('log', 4, numbered('m', 4));
    const consumer = await harness.subscribed();
    await pollNow(consumer, 3);
    await harness.createTopic('log', 4);
    expect(await pollNow(consumer)).toEqual([]);
    await harness.createTopic('log', 5);
    expect(await pollNow(consumer)).toEqual(['m3']);
  });

  it('without permission to read has no queues', async () => {
    const consumer = await harness.subscribed();
    await harness.createTopic('log', 5, { perm: 2 });
    await harness.send('log', 0, ['m']);
    expect(await pollNow(consumer)).toEqual([]);
    await harness.createTopic('log', 5);
    expect(await pollNow(consumer)).toEqual(['m']);
  });
});

describe('broadcasting pull consumers', () => {
  it('get every message each', async () => {
    const first = await harness.subscribed({ messageModel: 'BROADCASTING' });
    const second = await harness.subscribed({ messageModel: 'BROADCASTING' });
    await harness.send('log', 3, numbered('m', 3));
    expect(await pollNow(first)).toEqual(numbered('m', 3));
    expect(await pollNow(second)).toEqual(numbered('m', 3));
  });

  it('keep their offsets in memory, and out of the offsets of the group', async () => {
    await harness.send('log', 3, numbered('m', 3));
    const consumer = await harness.subscribed({ messageModel: 'BROADCASTING' });
    await pollNow(consumer);
    await consumer.commit();
    expect(await consumer.committed(queue(3))).toBe(3);
    expect(harness.committed()).toEqual(Array(5).fill(undefined));
    await consumer.close();
    expect(await pollNow(await harness.subscribed({ messageModel: 'BROADCASTING' }))).toEqual(numbered('m', 3));
  });
});

describe('assigned queues', () => {
  it('are read by whoever wants to, without sharing', async () => {
    await harness.send('log', 0, ['m']);
    const first = await harness.create();
    const second = await harness.create();
    await first.assign([queue(0), queue(0), queue(1)]);
    await second.assign([queue(0)]);
    expect(queueIds(first)).toEqual([0, 1]);
    expect(await pollNow(first)).toEqual(['m']);
    expect(await pollNow(second)).toEqual(['m']);
  });

  it('replace those before; queues that stay go on where they are', async () => {
    await harness.send('log', 0, numbered('a', 4));
    await harness.send('log', 1, numbered('b', 4));
    await harness.send('log', 2, numbered('c', 4));
    const consumer = await harness.create();
    await consumer.assign([queue(0), queue(1)]);
    expect(await pollNow(consumer, 2)).toEqual(['a0', 'a1']);
    await consumer.assign([queue(0), queue(2)]);
    const rest = await pollNow(consumer);
    expect(rest.toSorted()).toEqual(['a2', 'a3', ...numbered('c', 4)]);
  });

  it('are the only ones that arrivals are listened to of', async () => {
    const listened: string[] = [];
    await harness.close();
    harness = await PullHarness.open((store) => ({
      onArrival: (topic, listener) => {
        const stop = store.onArrival(topic, listener);
        listened.push(topic);
        return () => {
          listened.splice(listened.indexOf(topic), 1);
          stop();
        };
      },
    }));
    await harness.createTopic('log', 2);
    await harness.createTopic('audit', 1);
    const reader = await harness.create();
    await reader.assign([queue(0), queue(1), queue(0, 'audit')]);
    expect(listened.toSorted()).toEqual(['audit', 'log']);
    await reader.assign([queue(1)]);
    expect(listened).toEqual(['log']);
    const subscriber = await harness.subscribed({}, 'audit');
    await subscriber.unsubscribe('audit');
    expect(listened).toEqual(['log']);
    await reader.close();
    expect(listened).toEqual([]);
  });

  it('may be of several topics', async () => {
    await harness.createTopic('audit', 1);
    const consumer = await harness.create();
    await consumer.assign([...(await consumer.queues('audit')), queue(0)]);
    await harness.send('audit', 0, ['x']);
    expect(await pollNow(consumer)).toEqual(['x']);
    await consumer.assign([queue(0)]);
    await harness.send('audit', 0, ['y']);
    expect(await pollNow(consumer)).toEqual([]);
  });
});
