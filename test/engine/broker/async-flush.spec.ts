import { EmbeddedBroker, ManualClock, SeededRandom, SilentLogger } from '../../../lib/engine/index.js';
import { FaultyFileSystem } from '../../../lib/engine/io/index.js';

const HOUR_MS = 3_600_000;

describe('under ASYNC_FLUSH a power cut takes no message that has been on the disk for long:', () => {
  let clock: ManualClock;
  let disk: FaultyFileSystem;
  let broker: EmbeddedBroker;

  const start = async (): Promise<void> => {
    broker = new EmbeddedBroker(
      { store: { path: '/store', flushDiskType: 'ASYNC_FLUSH', maxHashSlotNum: 1000, maxIndexNum: 5000 } },
      { fileSystem: disk, clock, logger: new SilentLogger() },
    );
    await broker.start();
  };
  const advance = (durationMs: number): Promise<void> => clock.advance(durationMs, () => broker.whenIdle());
  const send = (body: string, more: object) => broker.send({ topic: 't', body: Buffer.from(body), ...more });
  const consume = async (handler: (body: string) => void): Promise<void> => {
    await broker.subscribe({
      group: 'g',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: [{ topic: 't', handler: ({ body }) => handler(body.toString()) }],
    });
  };
  const consumed = async (): Promise<readonly string[]> => {
    const received: string[] = [];
    await consume((body) => void received.push(body));
    await advance(60_000);
    return received;
  };

  beforeEach(async () => {
    clock = new ManualClock();
    disk = new FaultyFileSystem({ random: new SeededRandom(1), clock });
    await start();
  });

  afterEach(() => broker.close());

  it('a timer that has just been delivered', async () => {
    await send('first', { delayMs: HOUR_MS });
    await send('second', { delayMs: HOUR_MS + 950 });
    await advance(HOUR_MS + 1010);
    disk.crash('power', 0);
    await start();
    expect(await consumed()).toEqual(expect.arrayContaining(['first', 'second']));
  });

  it('one of a delay level that has just been delivered', async () => {
    // Level 18: two hours. The offsets of levels are written 10 s after a change.
    await send('first', { delayLevel: 18 });
    await advance(9900);
    await send('second', { delayLevel: 18 });
    await advance(2 * HOUR_MS + 150);
    disk.crash('power', 0);
    await start();
    expect(await consumed()).toEqual(expect.arrayContaining(['first', 'second']));
  });

  it('one that has just been sent back for its retry', async () => {
    await consume((body) => {
      if (body === 'fails') throw new Error('not yet');
    });
    await send('done', {});
    // Offsets of groups are written 5 s after a change.
    await advance(4900);
    await send('fails', {});
    await advance(150);
    disk.crash('power', 0);
    await start();
    expect(await consumed()).toContain('fails');
  });
});
