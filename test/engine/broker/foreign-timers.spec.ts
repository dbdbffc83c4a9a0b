import { EmbeddedBroker, ManualClock, NodeFileSystem, SilentLogger } from '../../../lib/engine/index.js';
import { GOLDEN_FILES, goldenExpectation, unpackGoldenStore, type GoldenVariant } from '../../fixtures/golden-store.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../support/temporary-directory.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

describe.each<GoldenVariant>(['clean', 'killed', 'torn'])('The timers of a real broker that ended: %s', (variant) => {
  let directory: TemporaryDirectory;
  let clock: ManualClock;
  let broker: EmbeddedBroker;
  let outMs: number;

  const open = async (): Promise<void> => {
    broker = new EmbeddedBroker(
      { store: { path: directory.path, mappedFileSizeTimerLogBytes: 1040, ...GOLDEN_FILES } },
      { fileSystem: new NodeFileSystem(), clock, logger: new SilentLogger() },
    );
    await broker.start();
    await broker.whenIdle();
  };
  const stored = (key: string) => broker.admin.messages.byKey('love', key);

  beforeEach(async () => {
    directory = await temporaryDirectory();
    await unpackGoldenStore(variant, directory.path);
    const { records } = await goldenExpectation(variant);
    const isLate = (record: (typeof records)[number]): boolean =>
      record.topic === 'rmq_sys_wheel_timer' && record.properties['KEYS'] === 'timer-late';
    outMs = Number(records.find(isLate)!.properties['TIMER_OUT_MS']);
    clock = new ManualClock(Math.max(...records.map(({ storeTimestamp }) => storeTimestamp)) + MINUTE_MS);
    await open();
  });

  afterEach(async () => {
    await broker.close();
    await directory.remove();
  });

  it('go on: what waits is delivered when its second is over, what was delivered is not repeated', async () => {
    expect(broker.admin.delays.timers()).toEqual({ total: 1, byTopic: { love: 1 } });
    await broker.close();
    await open();
    await clock.advanceTo(outMs + 999, () => broker.whenIdle());
    expect(await stored('timer-late')).toEqual([]);
    await clock.advance(1, () => broker.whenIdle());
    expect(await stored('timer-late')).toMatchObject([{ topic: 'love', storeTimestamp: outMs + 1000 }]);
    expect((await stored('timer-late'))[0]!.body.toString()).toBe('after a day');
    expect(await stored('timer-soon')).toHaveLength(1);
  });

  it('can be recalled by the handles that the real broker gave out, and by those of the listing', async () => {
    const [timer] = await broker.admin.delays.nextTimers();
    expect(timer).toMatchObject({ topic: 'love', keys: 'timer-late', deliverAtMs: outMs + 1000 });
    const handle = Buffer.from(`v1 love broker-a ${outMs + 1} ${timer!.msgId}`).toString('base64url');
    expect(await broker.recall('love', handle)).toBe(timer!.msgId);
    await expect(broker.recall('love', timer!.recallHandle!)).rejects.toMatchObject({ code: 'ALREADY_RECALLED' });
    await clock.advance(2 * DAY_MS, () => broker.whenIdle());
    expect(await stored('timer-late')).toEqual([]);
  });
});
