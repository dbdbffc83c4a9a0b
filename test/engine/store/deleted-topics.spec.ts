import { ManualClock } from '../../../lib/engine/io/index.js';
import type { FileHandle } from '../../../lib/engine/types/index.js';
import { Gate } from '../../support/gate.js';
import { numbered } from '../../support/numbered.js';
import { diskError, HookedFileSystem } from '../../support/hooked-file-system.js';
import { bodiesOf, openTestStore, testDraft, type TestStore, type TestStoreParts } from '../../support/test-store.js';

/** Its syncs end late: what is written between their work and their end they have not covered. */
class LateSyncs extends HookedFileSystem {
  beforeSyncEnds: (path: string) => Promise<void> = async () => undefined;

  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    const file = await super.open(path, mode);
    return {
      ...file,
      datasync: async () => {
        await file.datasync();
        await this.beforeSyncEnds(path);
      },
    };
  }
}

const forget = async (): Promise<void> => undefined;
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe('a topic that was deleted does not come back, nor take a new one of its name with it,', () => {
  let clock: ManualClock;
  let disk: LateSyncs;
  let store: TestStore;

  const open = async (more: Partial<TestStoreParts> = {}): Promise<void> => {
    store = await openTestStore({ path: '/store', fileSystem: disk, clock, ...more });
    await store.finishDeletions(forget);
  };
  const append = (topic: string, body: string) => store.messages.append(testDraft(body, { topic, bornTimestampMs: 1 }));
  const fill = async (topic: string, bodies: readonly string[]): Promise<void> => {
    await store.topics.ensure(topic, 1);
    for (const body of bodies) await append(topic, body);
  };
  /** The name is used again, and the process is killed. */
  const expectNewTopicHolds = async (more: Partial<TestStoreParts> = {}): Promise<void> => {
    await fill('gone', numbered('new ', 5));
    disk.crash('process');
    await open(more);
    expect(await bodiesOf(store, 'gone')).toEqual(numbered('new ', 5));
    await store.close();
  };
  /** Writes behind the first file fail, and so `onClearing` decides what becomes of the group that reached into the second. */
  const refuseSecondFile = (onClearing: () => void | Promise<void>): void => {
    let isRefused = false;
    disk.hook = async (operation, path) => {
      if (!path.includes('/commitlog/')) return;
      if (operation === 'open' && path.endsWith('16384')) {
        isRefused = true;
        throw diskError('ENOSPC');
      }
      if (isRefused && operation === 'truncate') await onClearing();
    };
  };

  beforeEach(() => {
    clock = new ManualClock();
    disk = new LateSyncs(clock);
  });

  it('when others send while the deletion syncs the log, and the power is cut then', async () => {
    const asynchronous = { flushDiskType: 'ASYNC_FLUSH', mappedFileSizeCommitLogBytes: 1024 * 1024 } as const;
    await open(asynchronous);
    await store.topics.ensure('kept', 1);
    await fill('gone', ['old']);
    let hasSent = false;
    disk.beforeSyncEnds = async (path) => {
      if (hasSent || !path.includes('commitlog')) return;
      hasSent = true;
      for (let i = 0; i < 20; i++) await append('kept', 'x'.repeat(500));
    };
    await store.deleteTopic('gone', forget);
    expect(hasSent).toBe(true);
    disk.crash('power', 0);
    await open(asynchronous);
    await expectNewTopicHolds(asynchronous);
  });

  it('when a checkpoint comes in the midst of the deletion', async () => {
    const often = { checkpointIntervalMs: 1000 };
    await open(often);
    await fill('kept', ['x']);
    await fill('gone', numbered('old ', 5));
    let isHeld = false;
    disk.hook = async (operation, path) => {
      if (isHeld || operation !== 'write' || !path.includes('topics.json')) return;
      isHeld = true;
      await append('kept', 'x');
      await clock.advance(1500, () => turns(50));
    };
    await store.deleteTopic('gone', forget);
    expect(isHeld).toBe(true);
    disk.crash('process');
    await open(often);
    expect(store.topics.list().map(({ topicName }) => topicName)).toEqual(['kept']);
    await expectNewTopicHolds(often);
  });

  it('when its messages are being taken back, because their group did not get to the disk', async () => {
    await open();
    await fill('gone', ['first']);
    const clearing = new Gate();
    refuseSecondFile(() => {
      clearing.open();
      return new Promise(() => undefined);
    });
    for (const body of numbered('old ', 20)) void append('gone', body.padEnd(1000)).catch(() => undefined);
    await clearing.opened;
    let isDeleted = false;
    void store.deleteTopic('gone', forget).then(
      () => (isDeleted = true),
      () => undefined,
    );
    await turns(200);
    expect(isDeleted).toBe(false);
    disk.hook = () => undefined;
    disk.crash('process');
    // Nothing was decided.
    await open();
    expect((await bodiesOf(store, 'gone'))[0]).toBe('first');
    await store.deleteTopic('gone', forget);
    await expectNewTopicHolds();
  });

  it('when the only file of the log was found empty: a power cut could bring it back', async () => {
    await open();
    await store.topics.ensure('gone', 1);
    let truncations = 0;
    refuseSecondFile(() => {
      // The first of the two calls that clear the file succeeds.
      if (++truncations === 2) throw diskError('EIO');
    });
    const sends = await Promise.allSettled(numbered('old ', 30).map((body) => append('gone', body.padEnd(1000))));
    expect(sends.every(({ status }) => status === 'rejected')).toBe(true);
    expect(truncations).toBe(2);
    disk.hook = () => undefined;
    disk.crash('process');
    await open();
    await store.deleteTopic('gone', forget);
    await store.close();
    disk.crash('power', 0);
    await open();
    expect(store.topics.get('gone')).toBeUndefined();
    await expectNewTopicHolds();
  });

  it('when the log goes past the deletion while no checkpoint can be written', async () => {
    const hour = { fileReservedTimeHours: 1, deleteFileBatchMax: 100 };
    await open(hour);
    await store.topics.ensure('kept', 1);
    await fill('gone', numbered('old ', 5));
    await store.close();
    await open(hour);
    // As on a full disk, on which old files have to make room.
    disk.failNext({ code: 'ENOSPC', operation: 'open', pathPart: 'checkpoint.tmp', times: 1000 });
    await store.deleteTopic('gone', forget);
    for (let i = 0; i < 60; i++) await append('kept', 'x'.repeat(1000));
    await clock.advance(2 * 3_600_000, () => store.activity.whenIdle());
    await append('kept', 'x');
    await store.retention.clean();
    expect((await disk.list('/store/commitlog'))[0]).not.toBe('00000000000000000000');
    disk.crash('process');
    disk.clearFaults();
    await open(hour);
    expect(store.topics.list().map(({ topicName }) => topicName)).toEqual(['kept']);
    await expectNewTopicHolds(hour);
  });
});
