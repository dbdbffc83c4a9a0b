import { ConsumeHarness, numbered, Witness } from './consume-harness.js';

let harness: ConsumeHarness;

beforeEach(async () => {
  harness = await ConsumeHarness.open();
  await harness.createTopic('news', 2);
});

afterEach(() => harness.close());

const BROADCAST = { messageModel: 'BROADCASTING', consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' } as const;

describe('a broadcasting group', () => {
  it('gives each message to every member, once', async () => {
    const members = [new Witness(), new Witness(), new Witness()];
    for (const { handler } of members) await harness.subscribe('desk', { topic: 'news', handler }, BROADCAST);
    await harness.send('news', numbered('a', 10), { queueId: 0 });
    await harness.send('news', numbered('b', 10), { queueId: 1 });
    for (const member of members) {
      expect(member.bodies.toSorted()).toEqual([...numbered('a', 10), ...numbered('b', 10)].toSorted());
    }
  });

  it('gives a member nothing that was sent before it joined', async () => {
    const early = new Witness();
    await harness.subscribe('desk', { topic: 'news', handler: early.handler }, BROADCAST);
    await harness.send('news', ['old']);
    const late = new Witness();
    await harness.subscribe('desk', { topic: 'news', handler: late.handler }, BROADCAST);
    await harness.send('news', ['new']);
    expect(early.bodies).toEqual(['old', 'new']);
    expect(late.bodies).toEqual(['new']);
  });

  it('gives a member the first message of a topic that comes later', async () => {
    const witness = new Witness();
    await harness.subscribe('desk', { topic: 'later', handler: witness.handler }, BROADCAST);
    await harness.createTopic('later', 1);
    await harness.send('later', ['first']);
    expect(witness.bodies).toEqual(['first']);
  });

  it.each(['CONCURRENTLY', 'ORDERLY'] as const)('logs a failed message and lets it go (%s)', async (consumeMode) => {
    const witness = new Witness(() => {
      throw new Error('bad paper');
    });
    await harness.subscribe('desk', { topic: 'news', handler: witness.handler, consumeMode }, BROADCAST);
    await harness.send('news', ['m', 'n']);
    await harness.advance(3600 * 1000);
    expect(witness.attempts).toEqual(['m#1', 'n#1']);
    expect(harness.logger.errors).toHaveLength(2);
    expect(harness.store.context.topics.get('%RETRY%desk')).toBeUndefined();
  });

  it('goes on after a restart where a member with a name had come to', async () => {
    const first = new Witness();
    const named = { ...BROADCAST, clientId: 'screen-1' };
    await harness.subscribe('desk', { topic: 'news', handler: first.handler }, named);
    await harness.send('news', ['seen']);
    harness = await harness.restart();
    await harness.send('news', ['missed']);
    const again = new Witness();
    await harness.subscribe('desk', { topic: 'news', handler: again.handler }, named);
    const stranger = new Witness();
    await harness.subscribe(
      'desk',
      { topic: 'news', handler: stranger.handler },
      { ...BROADCAST, clientId: 'screen-2' },
    );
    await harness.settle();
    expect(again.bodies).toEqual(['missed']);
    expect(stranger.bodies).toEqual([]);
  });

  it('begins anew with a member without a name, and keeps no offset for it', async () => {
    await harness.subscribe('desk', { topic: 'news' }, BROADCAST);
    await harness.send('news', ['m']);
    harness = await harness.restart();
    expect(harness.consume.offsets.list().filter(({ group }) => group.startsWith('desk'))).toEqual([]);
    await harness.send('news', ['missed']);
    const witness = new Witness();
    await harness.subscribe('desk', { topic: 'news', handler: witness.handler }, BROADCAST);
    await harness.settle();
    expect(witness.bodies).toEqual([]);
  });

  it('goes on for the others when a member leaves', async () => {
    const leaving = await harness.subscribe('desk', { topic: 'news' }, BROADCAST);
    const witness = new Witness();
    await harness.subscribe('desk', { topic: 'news', handler: witness.handler }, BROADCAST);
    await leaving.close({ timeoutMs: 0 });
    await harness.send('news', ['m']);
    expect(witness.bodies).toEqual(['m']);
  });
});
