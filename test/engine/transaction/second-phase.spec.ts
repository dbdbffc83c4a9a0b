import { deflateSync } from 'node:zlib';

import { SysFlag } from '../../../lib/engine/types/index.js';
import { draftOf } from '../delivery/store-harness.js';
import { MemoryOffsetTable } from './memory-offset-table.js';
import { GROUP, TransactionHarness } from './transaction-harness.js';

const HALF_TOPIC = 'RMQ_SYS_TRANS_HALF_TOPIC';
const OP_TOPIC = 'RMQ_SYS_TRANS_OP_HALF_TOPIC';
const TRANSACTION_GROUP = 'CID_RMQ_SYS_TRANS';

const notFound = (transactionId: string): object => ({
  code: 'TRANSACTION_NOT_FOUND',
  fields: expect.objectContaining({ transactionId }),
});

const offsetsOf = (harness: TransactionHarness): (number | undefined)[] => [
  harness.offsets.get(HALF_TOPIC, TRANSACTION_GROUP, 0),
  harness.offsets.get(OP_TOPIC, TRANSACTION_GROUP, 0),
];

describe('a half message', () => {
  it('is not seen in its topic, and is an ordinary record of the half topic', async () => {
    const harness = await TransactionHarness.open();
    const properties = { UNIQ_KEY: 'T1', KEYS: 'k', TAGS: 'TagA', DELAY: '3', shop: 'a' };
    const draft = {
      ...draftOf('orders', 'x', properties),
      queueId: 2,
      delayLevel: 3,
      sysFlag: SysFlag.TRANSACTION_PREPARED,
    };
    const prepared = await harness.service.prepare(draft, GROUP);
    expect(await harness.visible()).toEqual([]);
    const [half] = await harness.store.read(HALF_TOPIC);
    expect(prepared).toEqual({
      transactionId: 'T1',
      physicalOffset: half!.commitLogOffset,
      queueOffset: 0,
      sizeBytes: half!.storeSize,
      storeTimestampMs: harness.store.clock.now(),
    });
    expect(half).toMatchObject({ sysFlag: 0, tags: 'TagA', keys: 'k', msgId: 'T1', transactionId: 'T1' });
    expect(half!.properties).toEqual({
      UNIQ_KEY: 'T1',
      KEYS: 'k',
      TAGS: 'TagA',
      shop: 'a',
      TRAN_MSG: 'true',
      PGROUP: GROUP,
      __transactionId__: 'T1',
      REAL_TOPIC: 'orders',
      REAL_QID: '2',
    });
    await harness.close();
  });

  it.each(['COMMIT', 'ROLLBACK'] as const)(
    'is needed in the log until what takes its place is on disk: %s',
    async (state) => {
      const harness = await TransactionHarness.open();
      await harness.prepare('T1');
      await harness.prepare('T2');
      const [first, second] = await harness.store.read(HALF_TOPIC);
      expect(harness.service.oldestPending()).toBe(first!.commitLogOffset);
      let isStored = false;
      const ending = harness.service.end('T1', state).then(() => (isStored = true));
      if (state === 'COMMIT') expect(harness.service.oldestPending()).toBe(first!.commitLogOffset);
      expect(isStored).toBe(false);
      await ending;
      expect(harness.service.oldestPending()).toBe(second!.commitLogOffset);
      await harness.close();
    },
  );

  it('is on disk when prepare resolves, also when its sender would not wait', async () => {
    const harness = await TransactionHarness.open();
    await harness.prepare('T1', { waitStoreMsgOK: false });
    const survivor = await harness.crashed();
    expect(survivor.pendingIds()).toEqual(['T1']);
    await survivor.close();
    await harness.close();
  });

  it('needs an id of its own', async () => {
    const harness = await TransactionHarness.open();
    const [first, second] = await Promise.allSettled([harness.prepare('T1'), harness.prepare('T1')]);
    expect([first.status, second.status]).toEqual(['fulfilled', 'rejected']);
    await expect(harness.prepare('T1')).rejects.toMatchObject({ code: 'MESSAGE_ILLEGAL' });
    await expect(harness.prepare('T2', { uniqKey: undefined })).rejects.toMatchObject({ code: 'MESSAGE_ILLEGAL' });
    await harness.service.end('T1', 'ROLLBACK');
    await harness.prepare('T1');
    expect(harness.pendingIds()).toEqual(['T1']);
    await harness.close();
  });

  it('that could not be stored is not pending', async () => {
    const harness = await TransactionHarness.open({ diskBytes: 8 * 1024 * 1024 });
    const freeRoom = await harness.store.fillDisk();
    const body = Buffer.alloc(100_000, 1);
    await expect(harness.prepare('T1', { body })).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(harness.pendingIds()).toEqual([]);
    await freeRoom();
    await harness.prepare('T1', { body });
    expect(harness.pendingIds()).toEqual(['T1']);
    await harness.close();
  });

  it('is listed until its transaction is decided', async () => {
    const harness = await TransactionHarness.open();
    await harness.prepare('T1');
    await harness.advance(1000);
    await harness.prepareUnknown('T2', {}, 'others');
    const nowMs = harness.store.clock.now();
    const common = { topic: 'orders', checkTimes: 0 };
    expect(harness.service.pending()).toEqual([
      { ...common, transactionId: 'T1', producerGroup: GROUP, storeTimestampMs: nowMs - 1000, executing: true },
      { ...common, transactionId: 'T2', producerGroup: 'others', storeTimestampMs: nowMs, executing: false },
    ]);
    await harness.service.end('T1', 'COMMIT');
    await harness.service.end('T2', 'ROLLBACK');
    expect(harness.service.pending()).toEqual([]);
    await harness.close();
  });
});

describe('a commit', () => {
  it('makes the message visible in the queue that it was sent to, as it was sent', async () => {
    const harness = await TransactionHarness.open();
    const compressed = deflateSync(Buffer.from('long '.repeat(100)));
    await harness.prepare('T1', { body: compressed, sysFlag: SysFlag.COMPRESSED, queueId: 2, flag: 7 });
    await harness.service.end('T1', 'COMMIT');
    const [half] = await harness.store.read(HALF_TOPIC);
    const messages = await harness.store.read('orders', 2);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatchObject({
      topic: 'orders',
      storedBody: compressed,
      body: Buffer.from('long '.repeat(100)),
      flag: 7,
      tags: 'TagA',
      keys: 'key-T1',
      msgId: 'T1',
      transactionId: 'T1',
      sysFlag: SysFlag.COMPRESSED | SysFlag.TRANSACTION_COMMIT,
      preparedTransactionOffset: half!.commitLogOffset,
      bornTimestamp: half!.bornTimestamp,
      bornHost: half!.bornHost,
    });
    // TRAN_MSG, REAL_TOPIC and REAL_QID stay in the text, as in RocketMQ.
    expect(messages[0]!.propertiesText).toBe(half!.propertiesText);
    await harness.close();
  });

  it('makes the bytes visible that were prepared, whatever their sender has done with them since', async () => {
    const harness = await TransactionHarness.open();
    const body = Buffer.from('as prepared');
    await harness.prepare('T1', { body });
    body.fill('x');
    await harness.service.end('T1', 'COMMIT');
    expect(await harness.visible()).toEqual(['as prepared']);
    await harness.close();
  });

  it('is of the same message whether its half message is remembered, or read because there are too many, or after a restart', async () => {
    let harness = await TransactionHarness.open();
    const prepare = async (id: string): Promise<void> => {
      const properties = { UNIQ_KEY: id, KEYS: 'k', TAGS: 'TagA', DELAY: '3', shop: 'ä' };
      const draft = {
        ...draftOf('orders', 'x'.repeat(900_000), properties),
        flag: 7,
        queueId: 2,
        delayLevel: 3,
        reconsumeTimes: 1,
      };
      await harness.service.prepare({ ...draft, sysFlag: SysFlag.TRANSACTION_PREPARED }, GROUP);
    };
    await prepare('T1');
    // Up to 8 MiB are remembered.
    const large = Array.from({ length: 9 }, (_, i) => `large ${i}`);
    for (const id of large) await harness.prepare(id, { body: Buffer.alloc(1_000_000) });
    await prepare('T2');
    await prepare('T3');
    await harness.service.end('T1', 'COMMIT');
    await harness.service.end('T2', 'COMMIT');
    for (const id of large) await harness.service.end(id, 'ROLLBACK');
    harness = await harness.restart();
    await harness.service.end('T3', 'COMMIT');
    const halves = await harness.store.read(HALF_TOPIC);
    const messages = await harness.store.read('orders', 2);
    const seen = messages.map((message) => ({
      text: message.propertiesText.replaceAll(message.msgId, 'T'),
      body: message.body.toString(),
      flag: message.flag,
      sysFlag: message.sysFlag,
      born: [message.bornTimestamp, message.bornHost],
      reconsumeTimes: message.reconsumeTimes,
      half: halves.find((half) => half.commitLogOffset === message.preparedTransactionOffset)!.msgId === message.msgId,
    }));
    expect(messages.map(({ msgId }) => msgId)).toEqual(['T1', 'T2', 'T3']);
    expect(seen[0]).toMatchObject({ flag: 7, sysFlag: SysFlag.TRANSACTION_COMMIT, reconsumeTimes: 1, half: true });
    expect(seen).toEqual([seen[0], seen[0], seen[0]]);
    await harness.close();
  });

  it('after a check-back is of the half message that was stored for it', async () => {
    const harness = await TransactionHarness.open();
    await harness.prepareUnknown('T1');
    const { asked } = harness.answer(() => 'UNKNOWN');
    await harness.advance(6000);
    expect(asked).toHaveLength(1);
    await harness.service.end('T1', 'COMMIT');
    const halves = await harness.store.read(HALF_TOPIC);
    const [message] = await harness.store.read('orders');
    expect(halves).toHaveLength(2);
    expect(message!.preparedTransactionOffset).toBe(halves[1]!.commitLogOffset);
    expect(message!.propertiesText).toBe(halves[1]!.propertiesText);
    await harness.close();
  });

  it('and its op message are on disk when it resolves, the op message behind', async () => {
    const harness = await TransactionHarness.open();
    await harness.prepare('T1');
    await harness.service.end('T1', 'COMMIT');
    const survivor = await harness.crashed();
    const [message] = await survivor.store.read('orders');
    const [op] = await survivor.store.read(OP_TOPIC);
    expect(op!.body.toString()).toBe('0,');
    expect(op!.tags).toBe('d');
    expect(op!.commitLogOffset).toBeGreaterThan(message!.commitLogOffset);
    expect(survivor.pendingIds()).toEqual([]);
    await survivor.close();
    await harness.close();
  });

  it('killed at any moment is seen at least once, and is never undecided for good', async () => {
    const harness = await TransactionHarness.open();
    await harness.prepare('T1');
    const before = await harness.store.copyOfDisk();
    const offsetsBefore = harness.offsets.copy();
    const ending = harness.service.end('T1', 'COMMIT');
    const survivors: TransactionHarness[] = [];
    while (harness.store.isBusy) {
      survivors.push(await harness.crashed());
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
    await ending;
    survivors.push(await harness.crashed());

    // Within the write of message and op message: any part of it is left, from the front, or with a hole.
    const [message] = await harness.store.read('orders');
    const [op] = await harness.store.read(OP_TOPIC);
    const start = message!.commitLogOffset;
    const middle = op!.commitLogOffset;
    const end = middle + op!.storeSize;
    expect(middle).toBe(start + message!.storeSize);
    const cuts = new Set([start, start + 1, middle - 1, middle, middle + 1, end - 1, end]);
    for (let cut = start; cut < end; cut += 40) cuts.add(cut);
    const torn = (left: (log: Buffer) => Buffer): Promise<TransactionHarness> =>
      harness.torn(before, offsetsBefore, left);
    for (const cut of cuts) survivors.push(await torn((log) => Buffer.concat([log.subarray(0, cut), Buffer.alloc(1)])));
    const holes: (readonly [number, number])[] = [
      [start, middle],
      [start, start + 100],
      [middle - 100, middle],
    ];
    for (const [from, to] of holes) survivors.push(await torn((log) => Buffer.from(log).fill(0, from, to)));

    expect(survivors.length).toBeGreaterThan(2);
    const seen = new Set<number>();
    for (const survivor of survivors) {
      survivor.answer(() => 'COMMIT');
      await survivor.advance(60_000);
      const { length } = await survivor.visible();
      expect(length).toBeGreaterThanOrEqual(1);
      expect(length).toBeLessThanOrEqual(2);
      seen.add(length);
      expect(survivor.pendingIds()).toEqual([]);
      await survivor.close();
    }
    // At least the first and the last moment repeat nothing.
    expect(seen).toContain(1);
    await harness.close();
  });

  it('that could not store its message leaves the transaction to the check-back', async () => {
    const harness = await TransactionHarness.open({ diskBytes: 8 * 1024 * 1024 });
    await harness.prepare('T1', { body: Buffer.alloc(100_000, 'x') });
    const freeRoom = await harness.store.fillDisk();
    await expect(harness.service.end('T1', 'COMMIT')).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(harness.pendingIds()).toEqual(['T1']);
    const { asked } = harness.answer(() => 'COMMIT');
    await harness.advance(20_000);
    expect(asked).toHaveLength(0);
    await freeRoom();
    await harness.advance(30_000);
    expect(asked).toHaveLength(1);
    expect(await harness.visible()).toHaveLength(1);
    expect(harness.pendingIds()).toEqual([]);
    await harness.close();
  });

  it('that could not store its op message is not asked about, nor made twice, and the op message follows', async () => {
    const harness = await TransactionHarness.open();
    await harness.close();
    const store = await harness.store.reopened();
    let refused = true;
    store.refuseAppends((draft) => refused && draft.topic === OP_TOPIC);
    const limited = await TransactionHarness.open({}, store, harness.offsets);
    const { asked } = limited.answer(() => 'COMMIT');
    await limited.prepare('T1');
    await expect(limited.service.end('T1', 'COMMIT')).rejects.toMatchObject({ code: 'DISK_FULL' });
    await expect(limited.service.end('T1', 'COMMIT')).rejects.toMatchObject(notFound('T1'));
    await limited.advance(60_000);
    expect(await limited.visible()).toEqual(['T1']);
    expect(store.logger.errors).toHaveLength(1);

    refused = false;
    await limited.advance(10_000);
    const next = await limited.restart();
    await next.advance(60_000);
    expect(await next.visible()).toEqual(['T1']);
    expect(next.pendingIds()).toEqual([]);
    expect(asked).toHaveLength(0);
    await next.close();
  });
});

describe('a rollback', () => {
  it('is an op message and nothing else', async () => {
    const harness = await TransactionHarness.open();
    const { asked } = harness.answer(() => 'COMMIT');
    await harness.prepare('T1');
    await harness.service.end('T1', 'ROLLBACK');
    await harness.advance(60_000);
    expect(await harness.visible()).toEqual([]);
    expect(await harness.visible(OP_TOPIC)).toEqual(['0,']);
    expect(asked).toHaveLength(0);
    await harness.close();
  });
});

describe('ending a transaction', () => {
  it('that nobody knows is refused', async () => {
    const harness = await TransactionHarness.open();
    for (const state of ['COMMIT', 'ROLLBACK', 'UNKNOWN'] as const) {
      await expect(harness.service.end('nobody', state)).rejects.toMatchObject(notFound('nobody'));
    }
    await harness.close();
  });

  it('twice is refused the second time, whatever the decisions', async () => {
    const harness = await TransactionHarness.open();
    await harness.prepare('T1');
    await harness.service.end('T1', 'COMMIT');
    for (const state of ['COMMIT', 'ROLLBACK', 'UNKNOWN'] as const) {
      await expect(harness.service.end('T1', state)).rejects.toMatchObject(notFound('T1'));
    }
    expect(await harness.visible()).toEqual(['T1']);
    await harness.close();
  });

  it('twice at the same time commits once', async () => {
    const harness = await TransactionHarness.open();
    await harness.prepare('T1');
    const ends = await Promise.allSettled([
      harness.service.end('T1', 'COMMIT'),
      harness.service.end('T1', 'COMMIT'),
      harness.service.end('T1', 'ROLLBACK'),
    ]);
    expect(ends.map((end) => end.status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await harness.advance(60_000);
    expect(await harness.visible()).toEqual(['T1']);
    expect(await harness.visible(OP_TOPIC)).toEqual(['0,']);
    await harness.close();
  });

  it('together with many others takes few op messages', async () => {
    const harness = await TransactionHarness.open();
    const ids = Array.from({ length: 500 }, (_, i) => `T${i}`);
    await Promise.all(ids.map((id) => harness.prepare(id)));
    await Promise.all(ids.map((id, i) => harness.service.end(id, i % 2 === 0 ? 'COMMIT' : 'ROLLBACK')));
    expect(await harness.visible()).toEqual(ids.filter((_, i) => i % 2 === 0));
    const ops = await harness.visible(OP_TOPIC);
    expect(ops.length).toBeLessThanOrEqual(4);
    expect(
      ops
        .join('')
        .split(',')
        .filter(Boolean)
        .map(Number)
        .toSorted((a, b) => a - b),
    ).toEqual(ids.map((_, i) => i));
    await harness.close();
  });

  it('whose half message is gone from the store is refused, said, and not tried again', async () => {
    const opened = await TransactionHarness.open();
    await opened.prepare('T1');
    await opened.close();
    const store = await opened.store.reopened();
    store.loseRecords();
    const harness = await TransactionHarness.open({}, store, opened.offsets);
    await expect(harness.service.end('T1', 'COMMIT')).rejects.toMatchObject(notFound('T1'));
    expect(harness.pendingIds()).toEqual([]);
    expect(store.logger.errors).toEqual([expect.stringContaining('T1')]);
    const { asked } = harness.answer(() => 'COMMIT');
    await harness.advance(60_000);
    expect(asked).toHaveLength(0);
    const next = await harness.restart();
    expect(next.pendingIds()).toEqual([]);
    await next.close();
  });
});

describe('the offsets of half and op topic', () => {
  it('stay at the oldest transaction without a decision', async () => {
    const harness = await TransactionHarness.open();
    for (const id of ['T0', 'T1', 'T2', 'T3']) await harness.prepare(id);
    await harness.service.end('T0', 'COMMIT');
    await harness.service.end('T2', 'COMMIT');
    await harness.service.end('T3', 'ROLLBACK');
    expect(offsetsOf(harness)).toEqual([1, 1]);

    const next = await harness.restart();
    expect(next.pendingIds()).toEqual(['T1']);
    await next.service.end('T1', 'COMMIT');
    expect(offsetsOf(next)).toEqual([4, 4]);
    expect(await next.visible()).toEqual(['T0', 'T2', 'T1']);
    await next.close();
  });

  it('that were lost cost nothing but reading: the topics say it all', async () => {
    const harness = await TransactionHarness.open();
    for (const id of ['T0', 'T1', 'T2']) await harness.prepare(id);
    await harness.service.end('T0', 'COMMIT');
    await harness.service.end('T2', 'ROLLBACK');
    const survivor = await harness.crashed(new MemoryOffsetTable());
    expect(survivor.pendingIds()).toEqual(['T1']);
    expect(offsetsOf(survivor)).toEqual([1, 1]);
    await survivor.close();
    await harness.close();
  });
});

describe('a transaction service that is closed', () => {
  it('takes no more transactions, waits for what it writes, and keeps no timer', async () => {
    const harness = await TransactionHarness.open();
    await harness.prepareUnknown('T1');
    await harness.prepare('T2');
    const ending = harness.service.end('T2', 'COMMIT');
    await harness.service.close();
    await ending;
    await expect(harness.prepare('T3')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await expect(harness.service.end('T1', 'COMMIT')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await harness.store.close();
    expect(harness.store.clock.pendingTimers).toBe(0);

    const next = await TransactionHarness.open({}, await harness.store.reopened(), harness.offsets);
    expect(next.pendingIds()).toEqual(['T1']);
    expect(await next.visible()).toEqual(['T2']);
    await next.close();
  });
});
