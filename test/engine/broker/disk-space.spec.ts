import {
  EmbeddedBroker,
  ManualClock,
  MemoryFileSystem,
  SeededRandom,
  SilentLogger,
  type BrokerOptions,
} from '../../../lib/engine/index.js';
import { FaultyFileSystem } from '../../../lib/engine/io/index.js';
import type { FileHandle } from '../../../lib/engine/types/index.js';

const MIB = 1024 * 1024;
const DISK_BYTES = 16 * MIB;

describe('a broker whose disk fills up', () => {
  let clock: ManualClock;
  let files: MemoryFileSystem | FaultyFileSystem;
  let broker: EmbeddedBroker;
  let ballast: FileHandle;

  const open = async (store: BrokerOptions['store'] = {}): Promise<void> => {
    broker = new EmbeddedBroker(
      {
        store: {
          path: '/store',
          mappedFileSizeCommitLogBytes: 64 * 1024,
          maxIndexNum: 1000,
          maxHashSlotNum: 100,
          ...store,
        },
      },
      { fileSystem: files, clock, logger: new SilentLogger() },
    );
    await broker.start();
  };
  const advance = (ms: number): Promise<void> => clock.advance(ms, () => broker.whenIdle());
  const fillTo = async (percent: number): Promise<void> => {
    await ballast.truncate(0);
    const { freeBytes } = await files.diskUsage('/');
    const wantedBytes = Math.max(0, Math.floor(freeBytes - DISK_BYTES * (1 - percent / 100)));
    await ballast.write(Buffer.alloc(wantedBytes, 1), 0);
  };
  const send = (body: string, more: object = {}): Promise<unknown> =>
    broker.send({ topic: 't', body: Buffer.from(body), ...more });

  beforeEach(async () => {
    clock = new ManualClock();
    files = new MemoryFileSystem({ clock, totalBytes: DISK_BYTES });
    ballast = await files.open('/ballast', 'create');
  });

  afterEach(() => broker.close());

  it('refuses sends of every kind above the warning level, and takes them again by itself', async () => {
    await open();
    await send('before');
    await fillTo(95);
    await advance(10_000);
    const body = Buffer.from('x');
    const attempts = [
      () => send('x'),
      () => send('x', { delayLevel: 1 }),
      () => broker.sendBatch([{ topic: 't', body }]),
      () => broker.sendHalf({ topic: 't', body }, 'producers'),
    ];
    for (const attempt of attempts) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'DISK_FULL',
        fields: { path: '/store', limitPercent: 90 },
      });
    }
    await fillTo(50);
    await advance(10_000);
    await expect(send('after')).resolves.toMatchObject({ sendStatus: 'SEND_OK' });
  });

  it('goes on consuming meanwhile: retries, delays and transactions are finished', async () => {
    await open();
    const handled: string[] = [];
    await broker.subscribe({
      group: 'g',
      subscriptions: [
        {
          topic: 't',
          handler: ({ body, reconsumeTimes }) => {
            if (body.toString() === 'fails once' && reconsumeTimes === 0) throw new Error('not yet');
            handled.push(body.toString());
          },
        },
      ],
    });
    await send('delayed', { delayLevel: 5 });
    const { transactionId } = await broker.sendHalf({ topic: 't', body: Buffer.from('transaction') }, 'producers');
    await send('fails once');
    await fillTo(93);
    await advance(10_000);
    await expect(send('x')).rejects.toMatchObject({ code: 'DISK_FULL' });
    await broker.endTransaction(transactionId, 'COMMIT');
    await advance(120_000);
    expect(handled.toSorted()).toEqual(['delayed', 'fails once', 'transaction']);
  });

  it('knows at the opening that the disk is full', async () => {
    await fillTo(95);
    await open();
    await expect(send('x')).rejects.toMatchObject({ code: 'DISK_FULL' });
  });

  it('does not count percentages while much room is left', async () => {
    await fillTo(95);
    await open({ diskFreeSpaceEnoughBytes: MIB / 2 });
    await send('x');
  });

  it('removes expired files at any hour when the disk is crowded', async () => {
    const otherHour = String((new Date(clock.now()).getHours() + 12) % 24).padStart(2, '0');
    await open({ fileReservedTimeHours: 1, deleteWhen: otherHour });
    for (let i = 0; i < 50; i++) await send('x'.repeat(4000));
    const before = (await files.list('/store/commitlog')).length;
    expect(before).toBeGreaterThan(2);
    await advance(2 * 3_600_000);
    expect(await files.list('/store/commitlog')).toHaveLength(before);
    await fillTo(80);
    await advance(20_000);
    expect(await files.list('/store/commitlog')).toHaveLength(1);
  });

  it('removes what has not expired only when it is told to, and no more than it must', async () => {
    await open();
    for (let i = 0; i < 100; i++) await send(`${i}`.padEnd(4000));
    const before = await files.list('/store/commitlog');
    await fillTo(88);
    await advance(30_000);
    expect(await files.list('/store/commitlog')).toEqual(before);
    await broker.close();

    await open({ cleanFileForciblyEnable: true, diskSpaceCleanForciblyRatio: 85 });
    await fillTo(86);
    await advance(30_000);
    const after = await files.list('/store/commitlog');
    expect(after.length).toBeLessThan(before.length);
    expect(after.length).toBeGreaterThan(2);
    expect(after).toEqual(before.slice(-after.length));
  });

  it('keeps the only file of the log, also when it is full and the next one is not begun', async () => {
    await open();
    const receipts = [];
    while ((await files.list('/store/commitlog')).length < 2) {
      receipts.push(await broker.send({ topic: 't', body: Buffer.alloc(4000, 'x'), queueId: 0 }));
    }
    await broker.close();
    // A crash left the end of the first file, and nothing of the second.
    await files.remove('/store/commitlog/00000000000000065536');
    await files.remove('/store/checkpoint');
    await (await files.open('/store/abort', 'create')).close();

    await open({ cleanFileForciblyEnable: true, diskSpaceCleanForciblyRatio: 85 });
    await fillTo(88);
    await advance(30_000);
    expect(await files.list('/store/commitlog')).toEqual(['00000000000000000000']);
    const next = await broker.send({ topic: 't', body: Buffer.from('next'), queueId: 0 });
    expect(next.queueOffset).toBe(receipts.at(-1)!.queueOffset);
    await advance(30_000);
    expect(await files.list('/store/commitlog')).toEqual(['00000000000000065536']);
  });

  it('delivers no delayed message early because others before it went with their file', async () => {
    const disk = new FaultyFileSystem({ random: new SeededRandom(1), clock, totalBytes: DISK_BYTES });
    files = disk;
    ballast = await files.open('/ballast', 'create');
    await open({
      tailCacheBytes: MIB,
      cleanFileForciblyEnable: true,
      diskSpaceCleanForciblyRatio: 85,
      deleteFileBatchMax: 1,
    });
    let handled = 0;
    const earlyMs: number[] = [];
    await broker.subscribe({
      group: 'g',
      subscriptions: [
        {
          topic: 'later',
          handler: ({ body }) => {
            handled++;
            const leftMs = Number(body.toString()) - clock.now();
            if (leftMs > 0) earlyMs.push(leftMs);
          },
        },
      ],
    });
    // Level 16: 30 minutes. The first file is filled at once, those behind it twenty minutes later.
    const sendDelayed = async (count: number): Promise<void> => {
      const body = Buffer.from(String(clock.now() + 30 * 60_000).padEnd(4000));
      for (let i = 0; i < count; i++) await broker.send({ topic: 'later', body, delayLevel: 16 });
    };
    await sendDelayed(17);
    await advance(20 * 60_000);
    await sendDelayed(600);
    // The oldest file has to go. The disk can not sync that, and so the queues are not told.
    disk.failNext({ code: 'EIO', operation: 'syncDirectory', pathPart: 'commitlog' });
    await fillTo(94);
    await advance(10_000);
    await ballast.truncate(0);
    expect((await files.list('/store/commitlog'))[0]).not.toBe('00000000000000000000');
    await advance(10 * 60_000);
    expect(earlyMs).toEqual([]);
    await advance(20 * 60_000);
    expect(handled).toBeGreaterThan(500);
    expect(earlyMs).toEqual([]);
  });

  it('delivers messages that wait far longer than files are kept', async () => {
    await open({ fileReservedTimeHours: 1 });
    const handled: string[] = [];
    await broker.subscribe({
      group: 'g',
      subscriptions: [{ topic: 'later', handler: ({ body }) => void handled.push(body.toString()) }],
    });
    await broker.send({ topic: 'later', body: Buffer.from('timer'), delayMs: 10 * 3_600_000 });
    const { transactionId } = await broker.sendHalf({ topic: 'later', body: Buffer.from('half') }, 'producers');
    for (let hour = 0; hour < 11; hour++) {
      for (let i = 0; i < 50; i++) await send('x'.repeat(4000));
      if (hour === 1) await broker.endTransaction(transactionId, 'COMMIT');
      await advance(3_600_000);
    }
    expect((await files.list('/store/commitlog'))[0]).not.toBe('00000000000000000000');
    expect(handled).toEqual(['half', 'timer']);
  });

  it('refuses timers that would be removed before they are due', () => {
    const options = { store: { fileReservedTimeHours: 1 }, timerRollWindowMs: 3_600_000 };
    expect(() => new EmbeddedBroker(options)).toThrow('timerRollWindowMs');
  });

  it('clamps a consumer whose messages were removed to the first that is there', async () => {
    await open({ fileReservedTimeHours: 1 });
    const handled: number[] = [];
    const subscribe = () =>
      broker.subscribe({
        group: 'g',
        subscriptions: [{ topic: 't', handler: ({ body }) => void handled.push(Number(body.toString())) }],
      });
    const consumer = await subscribe();
    await send('0', { queueId: 0 });
    await broker.whenIdle();
    await consumer.close({ timeoutMs: 0 });
    for (let i = 1; i < 100; i++) await send(`${i}`.padEnd(4000), { queueId: 0 });
    await advance(2 * 3_600_000);
    handled.length = 0;
    await subscribe();
    await broker.whenIdle();
    expect(handled[0]).toBeGreaterThan(1);
    expect(handled).toEqual(Array.from({ length: 100 - handled[0]! }, (_, i) => handled[0]! + i));
  });
});
