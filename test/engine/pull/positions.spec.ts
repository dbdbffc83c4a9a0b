import type { PullBatch } from '../../../lib/engine/types/index.js';
import { PullConsumerClosedError } from '../../../lib/errors/index.js';
import { Gate } from '../../support/gate.js';
import { bodies, numbered, pollNow, PullHarness, queue, Watched } from './pull-harness.js';

let harness: PullHarness;

beforeEach(async () => {
  harness = await PullHarness.open();
  await harness.createTopic('log', 2);
});

afterEach(() => harness.close());

describe('seek', () => {
  it('says where the next poll goes on, forward and back', async () => {
    await harness.send('log', 0, numbered('m', 20));
    const consumer = await harness.subscribed();
    await consumer.seek(queue(0), 15);
    expect(consumer.position(queue(0))).toBe(15);
    expect(await pollNow(consumer)).toEqual(numbered('m', 5, 15));
    await consumer.seek(queue(0), 3);
    expect(await pollNow(consumer, 2)).toEqual(['m3', 'm4']);
    await consumer.seekToBegin(queue(0));
    expect(await pollNow(consumer, 2)).toEqual(['m0', 'm1']);
    await consumer.seekToEnd(queue(0));
    expect(await pollNow(consumer)).toEqual([]);
    await harness.send('log', 0, ['new']);
    expect(await pollNow(consumer)).toEqual(['new']);
  });

  it('wins over what was read ahead', async () => {
    await harness.send('log', 0, numbered('m', 20));
    const consumer = await harness.subscribed();
    expect(await pollNow(consumer, 1)).toEqual(['m0']);
    await consumer.seek(queue(0), 1);
    expect(await pollNow(consumer, 1)).toEqual(['m1']);
    await consumer.seek(queue(0), 19);
    expect(await pollNow(consumer, 5)).toEqual(['m19']);
  });

  it('moves the offset that is committed, also back', async () => {
    await harness.send('log', 0, numbered('m', 20));
    const consumer = await harness.subscribed();
    await pollNow(consumer);
    await consumer.commit();
    await harness.advance(5000);
    await consumer.seek(queue(0), 5);
    await harness.advance(5000);
    expect(harness.committed()).toEqual([5, 0]);
  });

  it('wakes a poll that waits', async () => {
    await harness.send('log', 0, numbered('m', 3));
    const consumer = await harness.subscribed();
    await pollNow(consumer);
    const poll = new Watched(consumer.poll({ timeoutMs: 60_000 }));
    await harness.settle();
    await consumer.seek(queue(0), 2);
    await harness.settle();
    expect(bodies(poll.value!)).toEqual(['m2']);
  });

  it('wins over a read that is under way', async () => {
    const gate = new Gate();
    await harness.close();
    harness = await PullHarness.open((store) => ({
      pull: async (request): Promise<PullBatch> => {
        const batch = await store.pull(request);
        if (request.offset === 0) await gate.opened;
        return batch;
      },
    }));
    await harness.createTopic('log', 1);
    await harness.send('log', 0, numbered('m', 20));
    const consumer = await harness.subscribed();
    const poll = new Watched(consumer.poll({ timeoutMs: 60_000 }));
    await consumer.seek(queue(0), 18);
    gate.open();
    await harness.settle();
    expect(bodies(poll.value!)).toEqual(['m18', 'm19']);
  });

  it('below the first message goes on with the first, and behind the last at the end', async () => {
    await harness.send('log', 0, numbered('m', 4));
    const consumer = await harness.subscribed();
    await consumer.seek(queue(0), 1_000_000);
    expect(consumer.position(queue(0))).toBe(4);
    expect(await pollNow(consumer)).toEqual([]);
    await harness.send('log', 0, ['next']);
    expect(await pollNow(consumer)).toEqual(['next']);
    await consumer.seek(queue(1), 7);
    expect(consumer.position(queue(1))).toBe(0);
  });

  it('to a time goes to the first message stored then or later', async () => {
    const { clock } = harness.store;
    const times: number[] = [];
    for (let minute = 0; minute < 5; minute++) {
      times.push(clock.now());
      await harness.send('log', 0, [`m${minute}`]);
      await harness.advance(60_000);
    }
    const consumer = await harness.subscribed();
    await consumer.seekToTimestamp(queue(0), times[3]!);
    expect(await pollNow(consumer)).toEqual(['m3', 'm4']);
    await consumer.seekToTimestamp(queue(0), times[1]! + 1);
    expect(await pollNow(consumer)).toEqual(['m2', 'm3', 'm4']);
    await consumer.seekToTimestamp(queue(0), 0);
    expect(await pollNow(consumer)).toEqual(numbered('m', 5));
    await consumer.seekToTimestamp(queue(0), clock.now());
    expect(await pollNow(consumer)).toEqual([]);
  });

  it('of a whole group moves whoever has the queue', async () => {
    await harness.send('log', 0, numbered('a', 5));
    await harness.send('log', 1, numbered('b', 5));
    const first = await harness.subscribed();
    const second = await harness.subscribed();
    const stranger = await harness.subscribed({ group: 'others' });
    const broadcasting = await harness.subscribed({ messageModel: 'BROADCASTING' });
    await pollNow(broadcasting);
    await pollNow(first);
    await pollNow(second);
    await pollNow(stranger);
    harness.pull.moveGroup('readers', 'log', 1, 3);
    expect(await pollNow(first)).toEqual([]);
    expect(await pollNow(second)).toEqual(['b3', 'b4']);
    expect(await pollNow(stranger)).toEqual([]);
    expect(await pollNow(broadcasting)).toEqual([]);
  });

  it('to a time keeps close waiting while it is looked up', async () => {
    const gate = new Gate();
    await harness.close();
    harness = await PullHarness.open((store) => ({
      offsetByTime: async (topic, queueId, timestampMs) => {
        await gate.opened;
        return store.offsetByTime(topic, queueId, timestampMs);
      },
    }));
    await harness.createTopic('log', 1);
    const consumer = await harness.subscribed();
    const seeking = new Watched(consumer.seekToTimestamp(queue(0), 0));
    const closing = new Watched(consumer.close());
    await harness.settle();
    expect(closing.state).toBe('pending');
    gate.open();
    await harness.settle();
    expect(closing.state).toBe('resolved');
    expect(seeking.error).toBeInstanceOf(PullConsumerClosedError);
  });
});

describe('a queue whose beginning was deleted', () => {
  it('goes on with the oldest message that is there, and that is told', async () => {
    const large = (index: number): string => String(index).repeat(1024 * 1024);
    await harness.send('log', 0, numbered('m', 3));
    for (let index = 0; index < 6; index++) await harness.send('log', 0, [large(index)]);
    const consumer = await harness.subscribed();
    await pollNow(consumer, 1);
    await consumer.commit();
    await harness.close();
    await harness.store.fileSystem.remove('/store/commitlog/00000000000000000000');
    harness = await PullHarness.on(await harness.store.reopened());
    const { minOffset } = harness.store.context.store.queueRange('log', 0);
    expect(minOffset).toBeGreaterThan(3);

    const again = await harness.subscribed();
    expect(harness.logger.warnings.join()).toContain(`at offset ${minOffset} in place of 1`);
    expect(again.position(queue(0))).toBe(minOffset);
    const rest = [...(await pollNow(again)), ...(await pollNow(again))];
    expect(rest).toEqual(Array.from({ length: 9 - minOffset }, (_, index) => large(minOffset - 3 + index)));
    await again.seekToBegin(queue(0));
    expect(again.position(queue(0))).toBe(minOffset);
    await again.seek(queue(0), 0);
    expect(again.position(queue(0))).toBe(minOffset);
  });
});

describe('an offset behind the end of its queue', () => {
  it('continues at the end, and that is told', async () => {
    await harness.send('log', 0, numbered('m', 3));
    harness.offsets.set('log', 'readers', 0, 50);
    const consumer = await harness.subscribed();
    expect(consumer.position(queue(0))).toBe(3);
    expect(harness.logger.warnings.join()).toContain('at offset 3 in place of 50');
    await harness.send('log', 0, ['next']);
    expect(await pollNow(consumer)).toEqual(['next']);
  });
});

describe('a paused queue', () => {
  it('is left out of polls until it is resumed, and then goes on where it was', async () => {
    await harness.send('log', 0, numbered('a', 10));
    await harness.send('log', 1, numbered('b', 3));
    const consumer = await harness.subscribed();
    expect(await pollNow(consumer, 2)).toEqual(['a0', 'a1']);
    consumer.pause([queue(0)]);
    expect(await pollNow(consumer)).toEqual(numbered('b', 3));
    expect(await pollNow(consumer)).toEqual([]);
    consumer.resume([queue(0)]);
    expect(await pollNow(consumer)).toEqual(numbered('a', 8, 2));
  });

  it('does not end a poll that waits, but resuming it does', async () => {
    const consumer = await harness.subscribed();
    consumer.pause(consumer.assignment());
    const poll = new Watched(consumer.poll({ timeoutMs: 60_000 }));
    await harness.send('log', 0, ['m']);
    expect(poll.state).toBe('pending');
    consumer.resume([queue(0)]);
    await harness.settle();
    expect(bodies(poll.value!)).toEqual(['m']);
  });
});
