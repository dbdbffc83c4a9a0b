import type { ConsumerOptions } from '../../../lib/engine/consume/index.js';
import { startPosition } from '../../../lib/engine/consume/start-position.js';
import { ManualClock } from '../../../lib/engine/io/index.js';
import type { MessageStore } from '../../../lib/engine/types/index.js';
import { ConsumeHarness, numbered, Witness } from './consume-harness.js';

let harness: ConsumeHarness;
let startMs: number;

beforeEach(async () => {
  harness = await ConsumeHarness.open();
  startMs = harness.store.clock.now();
  await harness.createTopic('orders', 2);
  for (let minute = 0; minute < 5; minute++) {
    await harness.send('orders', [`m${minute}`]);
    await harness.advance(60_000);
  }
});

afterEach(() => harness.close());

async function bodiesSeenBy(changes: Partial<ConsumerOptions>): Promise<readonly string[]> {
  const witness = new Witness();
  await harness.subscribe('shop', { handler: witness.handler }, changes);
  await harness.settle();
  return witness.bodies;
}

describe('a new group begins', () => {
  it('at the oldest message by CONSUME_FROM_FIRST_OFFSET', async () => {
    expect(await bodiesSeenBy({ consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' })).toEqual(numbered('m', 5));
  });

  it('at the oldest message also by CONSUME_FROM_LAST_OFFSET, while nothing was deleted from the queue', async () => {
    expect(await bodiesSeenBy({ consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' })).toEqual(numbered('m', 5));
  });

  it('at the first message of a time by CONSUME_FROM_TIMESTAMP', async () => {
    const at = { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP', consumeTimestampMs: startMs + 120_000 } as const;
    expect(await bodiesSeenBy(at)).toEqual(['m2', 'm3', 'm4']);
  });

  it('half an hour ago by CONSUME_FROM_TIMESTAMP without a time', async () => {
    await harness.advance(28 * 60_000);
    expect(await bodiesSeenBy({ consumeFromWhere: 'CONSUME_FROM_TIMESTAMP' })).toEqual(['m3', 'm4']);
  });

  it('on a clock that has just begun to count as on others', async () => {
    const own = await ConsumeHarness.open({ clock: new ManualClock(0) });
    await own.createTopic('orders', 1);
    await own.send('orders', ['m']);
    const witness = new Witness();
    await own.subscribe('shop', { handler: witness.handler }, { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP' });
    await own.settle();
    expect(witness.bodies).toEqual(['m']);
    await own.close();
  });

  it('where it was found to begin, even if it is killed before the first message', async () => {
    const fromNow = { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP', consumeTimestampMs: startMs + 400_000 } as const;
    expect(await bodiesSeenBy(fromNow)).toEqual([]);
    const later = await harness.crash();
    await later.send('orders', ['after the crash']);
    const witness = new Witness();
    await later.subscribe('shop', { handler: witness.handler }, { consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' });
    await later.settle();
    expect(witness.bodies).toEqual(['after the crash']);
    await later.close();
  });
});

describe('where a new group begins is on the disk before its first member is there', () => {
  const fromNow = { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP' } as const;
  const subscribe = (consumeTimestampMs = startMs + 400_000): Promise<unknown> =>
    harness.subscribe('shop', {}, { ...fromNow, consumeTimestampMs });
  /** What the group gets of a message that was sent after a crash now, when it would begin later. */
  const bodiesAfterCrash = async (): Promise<readonly string[]> => {
    const later = await harness.crash();
    await later.send('orders', ['after the crash']);
    const witness = new Witness();
    await later.subscribe('shop', { handler: witness.handler }, { ...fromNow, consumeTimestampMs: startMs + 800_000 });
    await later.settle();
    await later.close();
    return witness.bodies;
  };

  it('also when the disk has refused the member that came before', async () => {
    const { fileSystem } = harness.store;
    const open = fileSystem.open.bind(fileSystem);
    fileSystem.open = (path, mode) =>
      path.includes('consumerOffset') ? Promise.reject(new Error('EIO')) : open(path, mode);
    await expect(subscribe()).rejects.toMatchObject({ code: 'STATE_WRITE_FAILED' });
    fileSystem.open = open;
    await subscribe();
    expect(await bodiesAfterCrash()).toEqual(['after the crash']);
  });

  it('also when another member is waiting for that', async () => {
    const { fileSystem } = harness.store;
    const open = fileSystem.open.bind(fileSystem);
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    fileSystem.open = async (path, mode) => {
      if (path.includes('consumerOffset')) await released;
      return open(path, mode);
    };
    let joined = 0;
    const joining = [subscribe(), subscribe()].map((joins) => joins.then(() => joined++));
    await harness.settle();
    expect(joined).toBe(0);
    release();
    await Promise.all(joining);
    expect(await bodiesAfterCrash()).toEqual(['after the crash']);
  });
});

describe('a group with an offset goes on there', () => {
  it.each([0, 3, 5])('at %i whatever the rule says', async (offset) => {
    harness.consume.offsets.set('orders', 'shop', 0, offset);
    expect(await bodiesSeenBy({ consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' })).toEqual(
      numbered('m', 5).slice(offset),
    );
  });

  it('or at the end of the queue when it lies behind it, and says so', async () => {
    harness.consume.offsets.set('orders', 'shop', 0, 70);
    expect(await bodiesSeenBy({})).toEqual([]);
    expect(harness.logger.warnings).toEqual([expect.stringContaining('from offset 70 to 5')]);
    await harness.send('orders', ['next']);
    expect(harness.consume.groups()[0]!.queues[0]).toMatchObject({ committedOffset: 6, lag: 0 });
  });
});

describe('in a queue that has lost its oldest messages', () => {
  const aged = { queueRange: () => ({ minOffset: 40, maxOffset: 90 }), offsetByTime: async () => 60 };
  const at = (topic: string, consumeFromWhere: ConsumerOptions['consumeFromWhere'], messageModel = 'CLUSTERING') =>
    startPosition(aged as unknown as MessageStore, topic, 0, {
      consumeFromWhere,
      consumeTimestampMs: 1,
      messageModel: messageModel as 'CLUSTERING',
    });

  it('a new group begins by its rule', async () => {
    expect(await at('orders', 'CONSUME_FROM_LAST_OFFSET')).toBe(90);
    expect(await at('orders', 'CONSUME_FROM_FIRST_OFFSET')).toBe(40);
    expect(await at('orders', 'CONSUME_FROM_TIMESTAMP')).toBe(60);
    expect(await at('orders', 'CONSUME_FROM_LAST_OFFSET', 'BROADCASTING')).toBe(90);
  });

  it('a group begins its retries with the oldest, whatever its rule', async () => {
    expect(await at('%RETRY%shop', 'CONSUME_FROM_LAST_OFFSET')).toBe(40);
    expect(await at('%RETRY%shop', 'CONSUME_FROM_TIMESTAMP')).toBe(40);
  });
});
