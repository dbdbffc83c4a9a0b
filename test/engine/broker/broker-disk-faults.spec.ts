import { EmbeddedBroker, ManualClock, SilentLogger, type BrokerOptions } from '../../../lib/engine/index.js';
import { SimulatedProcess } from '../../simulation/simulated-process.js';
import { HookedFileSystem } from '../../support/hooked-file-system.js';

describe('a broker on a disk that fails', () => {
  let clock: ManualClock;
  let files: HookedFileSystem;
  let broker: EmbeddedBroker;
  let life: SimulatedProcess;
  const make = (more: BrokerOptions['store'] = {}): EmbeddedBroker => {
    life = new SimulatedProcess(clock, files);
    return (broker = new EmbeddedBroker(
      { store: { path: '/store', ...more }, messageDelayLevel: '1s 5s', compressMsgBodyOverBytes: 1 << 20 },
      { fileSystem: life.fileSystem, clock: life.clock, logger: new SilentLogger() },
    ));
  };
  /** Nothing stays but what was synced. */
  const cutPower = (): void => {
    life.kill();
    files.crash('power', 0);
  };
  const start = async (more: BrokerOptions['store'] = {}): Promise<void> => {
    await make(more).start();
  };
  const send = (text: string, more: object = {}): Promise<unknown> =>
    broker.send({ topic: 't', body: Buffer.from(text), ...more });
  const consume = async (): Promise<{ readonly received: string[]; readonly leave: () => Promise<unknown> }> => {
    const received: string[] = [];
    const consumer = await broker.subscribe({
      group: 'g',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: [{ topic: 't', handler: ({ body }) => void received.push(body.toString()) }],
    });
    await broker.whenIdle();
    return { received, leave: () => consumer.close({ timeoutMs: 0 }) };
  };

  beforeEach(() => {
    clock = new ManualClock();
    files = new HookedFileSystem(clock);
  });

  afterEach(async () => {
    files.clearFaults();
    await broker.close();
  });

  it('gives the store free and names the error when the offsets can not be written at the close', async () => {
    await start();
    await send('x');
    await consume();
    files.failNext({ operation: 'write', pathPart: 'consumerOffset', code: 'ENOSPC', times: 100 });
    await expect(broker.close()).rejects.toMatchObject({ code: 'STORE_CLOSE_FAILED', cause: { code: 'DISK_FULL' } });
    files.clearFaults();
    await start();
    // The offset is not there, so the message comes again.
    expect((await consume()).received).toEqual(['x']);
  });

  it('writes once more at the end what it could not write before', async () => {
    await start();
    await send('x');
    await consume();
    files.failNext({ operation: 'write', pathPart: 'consumerOffset', code: 'EIO', times: 2 });
    await broker.close();
    await start();
    expect((await consume()).received).toEqual([]);
  });

  it('gives the store free when it can not start, and names the error', async () => {
    await start();
    await send('x');
    await broker.close();
    for (const pathPart of ['consumerOffset', 'delayOffset', 'commitlog', 'topics']) {
      files.failNext({ pathPart, code: 'EIO' });
      await expect(make().start()).rejects.toMatchObject({ code: 'STORE_UNUSABLE', cause: { code: 'EIO' } });
    }
    await start();
    expect((await consume()).received).toEqual(['x']);
  });

  it('passes over no message that gets the offset of one that a power cut took (ASYNC_FLUSH)', async () => {
    await start({ flushDiskType: 'ASYNC_FLUSH' });
    for (const text of ['a', 'b', 'c', 'd']) await send(text);
    const before = await consume();
    expect(before.received).toHaveLength(4);
    // The group's offsets are on disk now, its messages are not.
    await before.leave();
    cutPower();
    await start({ flushDiskType: 'ASYNC_FLUSH' });
    for (const text of ['e', 'f', 'g', 'h']) await send(text);
    await clock.advance(1000, () => broker.whenIdle());
    // Nor may the next crash bring the old offsets back.
    cutPower();
    await start({ flushDiskType: 'ASYNC_FLUSH' });
    expect((await consume()).received.toSorted()).toEqual(['e', 'f', 'g', 'h']);
  });

  it('passes over no delayed message that gets the place of one that a power cut took (ASYNC_FLUSH)', async () => {
    await start({ flushDiskType: 'ASYNC_FLUSH' });
    // More than a page of the disk: its beginning is written once, so a power cut takes it for sure.
    await send('a'.repeat(9000), { delayLevel: 1 });
    // The disk takes its time for the log. Meanwhile the message is delivered, and the level's offset gets to the disk.
    files.hook = async (operation, path) => {
      if (operation === 'datasync' && path.includes('/commitlog/')) await new Promise(() => undefined);
    };
    await clock.advance(12_000, turns);
    files.hook = () => undefined;
    cutPower();
    await start({ flushDiskType: 'ASYNC_FLUSH' });
    await send('b', { delayLevel: 1 });
    await clock.advance(600, () => broker.whenIdle());
    cutPower();
    await start({ flushDiskType: 'ASYNC_FLUSH' });
    await clock.advance(1000, () => broker.whenIdle());
    expect((await consume()).received).toEqual(['b']);
  });
});

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
