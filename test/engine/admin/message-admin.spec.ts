import { NonRetryableError } from '../../../lib/errors/index.js';
import { AdminHarness, bodiesOf, bodyOf } from './admin-harness.js';

describe('the admin API, messages', () => {
  let harness: AdminHarness;

  beforeEach(async () => {
    harness = await AdminHarness.open();
    await harness.admin.topics.create('orders', { queueNums: 2 });
  });

  afterEach(() => harness.close());

  it('finds a message by its offset id, by its unique id, and by its place', async () => {
    const sent = await harness.send('orders', 'hello', { keys: 'order-1', tags: 'made', properties: { a: 'b' } });
    await harness.sendAll('orders', ['x', 'y']);
    const { queueId } = sent.messageQueue;
    const found = [
      await harness.admin.messages.byOffsetId(sent.offsetMsgId),
      await harness.admin.messages.byOffsetId(sent.offsetMsgId.toLowerCase()),
      await harness.admin.messages.byUniqueId('orders', sent.msgId),
      await harness.admin.messages.at('orders', queueId, sent.queueOffset),
    ];
    for (const message of found) {
      expect(bodyOf(message!)).toBe('hello');
      expect(message).toMatchObject({ msgId: sent.msgId, keys: 'order-1', tags: 'made', topic: 'orders' });
      expect(message!.properties['a']).toBe('b');
    }
    await harness.restart();
    expect((await harness.admin.messages.byUniqueId('orders', sent.msgId))?.offsetMsgId).toBe(sent.offsetMsgId);
    expect((await harness.admin.messages.byOffsetId(sent.offsetMsgId))?.msgId).toBe(sent.msgId);
  });

  it('finds messages by key, in the order of their storing, and only those that have the whole key', async () => {
    for (let i = 0; i < 5; i++) await harness.send('orders', `m${i}`, { keys: `customer-1 order-${i}` });
    await harness.send('orders', 'other', { keys: 'customer-10' });
    await harness.send('fees', 'elsewhere', { keys: 'customer-1' });
    expect(bodiesOf(await harness.admin.messages.byKey('orders', 'customer-1'))).toEqual([
      'm0',
      'm1',
      'm2',
      'm3',
      'm4',
    ]);
    expect(bodiesOf(await harness.admin.messages.byKey('orders', 'order-3'))).toEqual(['m3']);
    expect(bodiesOf(await harness.admin.messages.byKey('orders', 'customer-1', { maxCount: 2 }))).toEqual(['m3', 'm4']);
    expect(await harness.admin.messages.byKey('orders', 'customer')).toEqual([]);
  });

  it('does not take one key for another of the same hash', async () => {
    await harness.send('orders', 'first', { keys: 'Aa' });
    await harness.send('orders', 'second', { keys: 'BB' });
    expect(bodiesOf(await harness.admin.messages.byKey('orders', 'Aa'))).toEqual(['first']);
    expect(bodiesOf(await harness.admin.messages.byKey('orders', 'BB', { maxCount: 1 }))).toEqual(['second']);
  });

  it('finds messages by key and by time to the millisecond, both ends included', async () => {
    const times: number[] = [];
    for (let i = 0; i < 10; i++) {
      times.push(harness.clock.now());
      await harness.send('orders', `m${i}`, { keys: 'k', queueId: i % 2 });
      await harness.advance(7);
    }
    const range = { begin: times[3]!, end: new Date(times[6]!) };
    expect(bodiesOf(await harness.admin.messages.byKey('orders', 'k', range))).toEqual(['m3', 'm4', 'm5', 'm6']);
    expect(bodiesOf(await harness.admin.messages.byTime('orders', range))).toEqual(['m3', 'm4', 'm5', 'm6']);
    const inner = { begin: times[3]! + 1, end: times[6]! - 1 };
    expect(bodiesOf(await harness.admin.messages.byKey('orders', 'k', inner))).toEqual(['m4', 'm5']);
    expect(bodiesOf(await harness.admin.messages.byTime('orders', inner))).toEqual(['m4', 'm5']);
    expect(bodiesOf(await harness.admin.messages.byTime('orders', { maxCount: 3 }))).toEqual(['m0', 'm1', 'm2']);
    expect(await harness.admin.messages.byTime('orders', { begin: times[9]! + 1 })).toEqual([]);
  });

  it('answers undefined for what the store does not have', async () => {
    const sent = await harness.send('orders', 'x'.repeat(300));
    const { messages } = harness.admin;
    const host = sent.offsetMsgId.slice(0, 16);
    const inTheMiddle = host + (50).toString(16).padStart(16, '0');
    const otherBroker = `0A000001${sent.offsetMsgId.slice(8)}`;
    for (const id of [inTheMiddle, otherBroker, host + 'F'.repeat(16), host + '7'.padStart(16, '0')]) {
      expect(await messages.byOffsetId(id)).toBeUndefined();
    }
    expect(await messages.byUniqueId('orders', 'nobody')).toBeUndefined();
    expect(await messages.at('orders', 1 - sent.messageQueue.queueId, 0)).toBeUndefined();
    expect(await messages.at('orders', sent.messageQueue.queueId, 1)).toBeUndefined();
    await harness.restart();
    expect(await messages.byOffsetId(inTheMiddle)).toBeUndefined();
  });

  it('finds a delayed message in its topic when it has been delivered', async () => {
    const sent = await harness.send('orders', 'later', { delayLevel: 1, keys: 'k' });
    expect(await harness.admin.messages.byUniqueId('orders', sent.msgId)).toBeUndefined();
    await harness.advance(2000);
    expect(bodyOf((await harness.admin.messages.byUniqueId('orders', sent.msgId))!)).toBe('later');
    expect(bodiesOf(await harness.admin.messages.byKey('orders', 'k'))).toEqual(['later']);
  });

  describe('what groups have done with a message', () => {
    const stateOf = async (msgId: string): Promise<Record<string, string>> => {
      const states = await harness.admin.messages.consumption('orders', msgId);
      return Object.fromEntries(
        states.map(({ group, state, online }) => [group, `${state}${online ? '' : ', offline'}`]),
      );
    };

    it('tells consumed, not consumed, waiting for a retry, dead, and consumed after all', async () => {
      let isBroken = true;
      await harness.listen('quick', 'orders');
      const late = await harness.listen('late', 'orders');
      await late.stop();
      await harness.listen('failing', 'orders', () => {
        if (isBroken) throw new Error('broken');
      });
      await harness.listen('dying', 'orders', () => {
        throw new NonRetryableError('never');
      });
      await harness.listen('all', 'orders', undefined, { messageModel: 'BROADCASTING' });
      const { msgId } = await harness.send('orders', 'x');
      await harness.settle();
      expect(await stateOf(msgId)).toEqual({
        quick: 'CONSUMED',
        late: 'NOT_CONSUMED, offline',
        failing: 'RETRYING',
        dying: 'DEAD_LETTER',
        all: 'BROADCASTING',
      });
      isBroken = false;
      await harness.advance(60_000);
      await harness.listen('late', 'orders');
      expect(await stateOf(msgId)).toMatchObject({ failing: 'CONSUMED', late: 'CONSUMED' });
    });

    it('knows a message that waits in the retry topic of a group without members', async () => {
      const listening = await harness.listen('g', 'orders', () => {
        throw new Error('broken');
      });
      const { msgId } = await harness.send('orders', 'x');
      await harness.settle();
      await listening.stop();
      await harness.advance(60_000);
      expect(await stateOf(msgId)).toEqual({ g: 'RETRYING, offline' });
    });

    it('refuses a message that is not there', async () => {
      await expect(harness.admin.messages.consumption('orders', 'nobody')).rejects.toMatchObject({
        code: 'MESSAGE_NOT_FOUND',
      });
    });
  });

  it('says so when the key index is switched off', async () => {
    await harness.close();
    harness = await AdminHarness.open({ store: { messageIndexEnable: false } });
    const sent = await harness.send('orders', 'x', { keys: 'k' });
    const refusal = {
      code: 'UNSUPPORTED_BY_ENGINE',
      message: expect.stringContaining('messageIndexEnable') as unknown,
    };
    await expect(harness.admin.messages.byKey('orders', 'k')).rejects.toMatchObject(refusal);
    await expect(harness.admin.messages.byUniqueId('orders', sent.msgId)).rejects.toMatchObject(refusal);
    expect(bodyOf((await harness.admin.messages.byOffsetId(sent.offsetMsgId))!)).toBe('x');
    expect(bodiesOf(await harness.admin.messages.byTime('orders'))).toEqual(['x']);
  });

  describe('bad input', () => {
    it('is refused: a topic that does not exist', async () => {
      const { messages } = harness.admin;
      const refusal = { code: 'TOPIC_NOT_EXIST', fields: { topic: 'nothing' } };
      await expect(messages.byUniqueId('nothing', 'x')).rejects.toMatchObject(refusal);
      await expect(messages.byKey('nothing', 'x')).rejects.toMatchObject(refusal);
      await expect(messages.byTime('nothing')).rejects.toMatchObject(refusal);
      await expect(messages.at('nothing', 0, 0)).rejects.toMatchObject(refusal);
      await expect(messages.consumption('nothing', 'x')).rejects.toMatchObject(refusal);
    });

    it.each(['', '7F0000', 'G'.repeat(32), '0'.repeat(31), '0'.repeat(33), undefined, 5])(
      'is refused: the offset id %p',
      async (id) => {
        await expect(harness.admin.messages.byOffsetId(id as string)).rejects.toMatchObject({
          code: 'INVALID_OPTION',
          fields: expect.objectContaining({ option: 'offsetMsgId' }) as unknown,
        });
      },
    );

    it.each(['', ' ', 'two words', undefined, 5])('is refused: the key %p', async (key) => {
      await expect(harness.admin.messages.byKey('orders', key as string)).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        fields: expect.objectContaining({ option: 'key' }) as unknown,
      });
    });

    it.each([
      [{ begin: -1 }, 'begin'],
      [{ end: Number.NaN }, 'end'],
      [{ begin: 'yesterday' }, 'begin'],
      [{ begin: 5, end: 4 }, 'begin'],
      [{ maxCount: 0 }, 'maxCount'],
      [{ maxCount: 1025 }, 'maxCount'],
      [{ maxCount: 1.5 }, 'maxCount'],
    ])('is refused: the search %p', async (search, option) => {
      const refusal = { code: 'INVALID_OPTION', fields: expect.objectContaining({ option }) as unknown };
      await expect(harness.admin.messages.byKey('orders', 'k', search as object)).rejects.toMatchObject(refusal);
      await expect(harness.admin.messages.byTime('orders', search as object)).rejects.toMatchObject(refusal);
    });

    it.each([
      [-1, 0, 'queueId'],
      [2, 0, 'queueId'],
      [0.5, 0, 'queueId'],
      [0, -1, 'queueOffset'],
      [0, Number.NaN, 'queueOffset'],
    ])('is refused: queue %p, offset %p', async (queueId, queueOffset, option) => {
      await expect(harness.admin.messages.at('orders', queueId, queueOffset)).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        fields: expect.objectContaining({ option }) as unknown,
      });
    });
  });
});
