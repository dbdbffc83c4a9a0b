import { FaultyFileSystem, ManualClock, MemoryFileSystem, SeededRandom } from '../../../lib/engine/io/index.js';
import { formatRecallHandle, parseRecallHandle } from '../../../lib/engine/delivery/timer/index.js';
import type { FileHandle, RecordDraft } from '../../../lib/engine/types/index.js';
import { TimerHarness, timerDraft } from './timer-harness.js';
import { PowerCutFileSystem } from './timer-power-cut.js';

const DAY_MS = 86_400_000;

const bodies = async (harness: TimerHarness): Promise<string[]> =>
  (await harness.delivered('orders')).map(({ body }) => body);

const isRecall = (draft: RecordDraft): boolean => draft.properties.includes('TIMER_DEL_UNIQKEY');
const isRoll = (draft: RecordDraft): boolean => draft.properties.includes('TIMER_ROLL_TIMES');

/** A disk whose timer log can be read only when the test lets it. */
class SlowTimerLog extends FaultyFileSystem {
  heldReads = 0;
  #held: Promise<void> | undefined;

  holdReads(): () => void {
    let resume!: () => void;
    this.#held = new Promise((resolve) => (resume = resolve));
    return () => {
      this.#held = undefined;
      resume();
    };
  }

  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    const file = await super.open(path, mode);
    return {
      write: (source, position) => file.write(source, position),
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      sizeBytes: () => file.sizeBytes(),
      datasync: () => file.datasync(),
      close: () => file.close(),
      read: async (target, position) => {
        if (path.includes('/timerlog/') && this.#held !== undefined) {
          this.heldReads += 1;
          await this.#held;
        }
        return file.read(target, position);
      },
    };
  }
}

/** Lets recalls, or other records, wait before they are stored, until it is told what to do with them. */
function gate(isMeant = isRecall): {
  beforeAppend: (draft: RecordDraft) => Promise<void>;
  open: (error?: Error) => void;
} {
  let open!: (error?: Error) => void;
  const opened = new Promise<Error | undefined>((resolve) => {
    open = resolve;
  });
  return {
    open,
    beforeAppend: async (draft) => {
      const error = isMeant(draft) ? await opened : undefined;
      if (error !== undefined) throw error;
    },
  };
}

describe('A recalled message', () => {
  it('is not delivered, and the others of its second are', async () => {
    const harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 5000;
    const sent = [];
    for (const body of ['a', 'b', 'c', 'd']) sent.push(await harness.send('orders', body, dueMs));
    expect(await harness.recall(sent[1]!.handle!)).toBe(sent[1]!.msgId);
    await harness.advance(4990);
    expect(await harness.recall(sent[3]!.handle!)).toBe(sent[3]!.msgId);
    expect(harness.timers.pending).toEqual({ total: 2, byTopic: { orders: 2 } });
    await harness.advance(10);
    expect(await bodies(harness)).toEqual(['a', 'c']);
    await harness.advance(5000);
    expect(harness.timers.pending.total).toBe(0);
    expect(harness.timers.statistics).toMatchObject({ delivered: 2, recalled: 2 });
    await harness.close();
  });

  it('is found also when it is put back into the timer topic while it is looked for', async () => {
    const clock = new ManualClock();
    const disk = new SlowTimerLog({ random: new SeededRandom(1), clock });
    const roll = gate(isRoll);
    const harness = await TimerHarness.open({
      clock,
      fileSystem: disk,
      timers: { timerRollWindowMs: 2000 },
      beforeAppend: roll.beforeAppend,
    });
    const { handle, msgId } = await harness.send('orders', 'a', clock.now() + 12_000);
    await harness.advance(1000);
    await harness.send('orders', 'b', clock.now() + 12_000);
    await harness.advance(900);
    await clock.advance(100, () => turns(harness));
    // The search begins with the last seconds, among them that of the other message, and is held up there.
    const resume = disk.holdReads();
    const recalling = harness.recall(handle!).then(
      () => msgId,
      (error: unknown) => error,
    );
    await turns(harness);
    expect(disk.heldReads).toBeGreaterThan(0);
    roll.open();
    await turns(harness);
    await turns(harness);
    expect(harness.timers.statistics.rolled).toBe(1);
    resume();
    expect(await recalling).toBe(msgId);
    await harness.advance(12_000);
    expect(await bodies(harness)).toEqual(['b']);
    await harness.close();
  });

  it('stays recalled when it is being put back into the timer topic at that moment', async () => {
    // The recall and the one who puts it back have both found the message, and go on from there a few steps one after the other.
    for (let lead = -20; lead <= 20; lead++) {
      const found: (() => void)[] = [];
      let holds = false;
      const harness = await TimerHarness.open({
        timers: { timerRollWindowMs: 2000 },
        beforeRead: async () => {
          if (holds) await new Promise<void>((resolve) => found.push(resolve));
        },
      });
      const { handle, msgId } = await harness.send('orders', 'a', harness.clock.now() + 12_000);
      await harness.advance(1999);
      holds = true;
      const recalling = harness.recall(handle!);
      await turns(harness);
      await harness.clock.advance(1, () => turns(harness));
      expect(found).toHaveLength(2);
      holds = false;
      const [first, second] = lead < 0 ? found : found.toReversed();
      first!();
      for (let step = 0; step < Math.abs(lead); step++) await Promise.resolve();
      second!();
      expect(await recalling).toBe(msgId);
      await harness.advance(12_000);
      expect({ lead, delivered: await bodies(harness) }).toEqual({ lead, delivered: [] });
      expect(harness.timers.pending.total).toBe(0);
      await harness.close();
    }
  });

  it('stays recalled when it is being put back, and recalls of others are looked at meanwhile', async () => {
    const looks: (() => void)[] = [];
    let heldOffset = -1;
    const harness = await TimerHarness.open({
      timers: { timerRollWindowMs: 2000 },
      beforeRead: async (physicalOffset) => {
        if (physicalOffset === heldOffset) await new Promise<void>((resolve) => looks.push(resolve));
      },
    });
    const dueMs = harness.clock.now() + 12_000;
    const handles = [];
    // The hashes of their keys are equal.
    for (const msgId of ['ID-149599', 'ID-312382']) {
      const draft = harness.timers.schedule(timerDraft('orders', msgId, msgId), dueMs);
      await harness.append(draft);
      handles.push(harness.timers.recallHandle(draft)!);
    }
    await harness.advance(500);
    await harness.recall(handles[0]!);
    heldOffset = (await harness.messages('rmq_sys_wheel_timer')).at(-1)!.commitLogOffset;
    await harness.advance(1499);
    await harness.clock.advance(1, () => turns(harness));
    looks.shift()!();
    await turns(harness);
    expect(looks).toHaveLength(1);
    heldOffset = -1;
    expect(await harness.recall(handles[1]!)).toBe('ID-312382');
    looks.shift()!();
    await harness.advance(12_000);
    expect(await bodies(harness)).toEqual([]);
    expect(harness.timers.pending.total).toBe(0);
    expect(harness.timers.statistics).toMatchObject({ rolled: 0, recalled: 2 });
    await harness.close();
  });

  it('stays recalled when it is being put back, and so many of its second are recalled that the second is read again', async () => {
    let first = true;
    const recall = gate((draft) => {
      const isMeant = first && isRecall(draft);
      if (isMeant) first = false;
      return isMeant;
    });
    const harness = await TimerHarness.open({
      timers: { timerRollWindowMs: 2000, maxLoadedTimersPerSecond: 2 },
      beforeAppend: recall.beforeAppend,
    });
    const dueMs = harness.clock.now() + 11_500;
    const send = async (body: string, lateMs: number): Promise<string> =>
      (await harness.send('orders', body, dueMs + lateMs)).handle!;
    const handles = [await send('a', 0), await send('b', 0)];
    for (const body of ['c', 'd', 'e', 'f', 'g']) handles.push(await send(body, 100));
    await harness.advance(1499);
    const refused = harness.recall(handles[0]!).catch((error: unknown) => error);
    await turns(harness);
    // Both of this millisecond are taken, and wait for what becomes of the first one's recall.
    await harness.clock.advance(1, () => turns(harness));
    for (const handle of [2, 3, 4, 5, 6, 1].map((i) => handles[i]!)) await harness.recall(handle);
    recall.open(new Error('no room'));
    expect(await refused).toMatchObject({ message: 'no room' });
    await harness.advance(12_000);
    expect(await bodies(harness)).toEqual(['a']);
    expect(harness.timers.pending.total).toBe(0);
    await harness.close();
  });

  it('stays recalled after a restart', async () => {
    let harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 5000;
    const { handle } = await harness.send('orders', 'a', dueMs);
    await harness.send('orders', 'b', dueMs);
    await harness.recall(handle!);
    harness = await harness.reopened();
    expect(harness.timers.pending.total).toBe(1);
    await harness.advance(10_000);
    expect(await bodies(harness)).toEqual(['b']);
    await harness.close();
  });

  it('stays recalled when the power is cut before the index knows of it, and it was due by the next start', async () => {
    const disk = new PowerCutFileSystem(new MemoryFileSystem(), () => true);
    let harness = await TimerHarness.open({ fileSystem: disk });
    const sent = [];
    for (let i = 0; i < 20; i++) sent.push(await harness.send('orders', String(i), harness.clock.now() + 5000));
    await harness.advance(2000);
    for (const { handle } of sent) await harness.recall(handle!);
    disk.cutNow();
    const fileSystem = await disk.afterwards(harness.clock, new SeededRandom(1));
    const { clock } = harness;
    await clock.advance(DAY_MS);
    harness = await TimerHarness.open({ clock, fileSystem });
    await harness.advance(10_000);
    expect(await bodies(harness)).toEqual([]);
    expect(harness.timers.pending.total).toBe(0);
    await harness.close();
  });

  it('can be due in thirty days', async () => {
    let harness = await TimerHarness.open({ timers: { timerMaxDelayMs: 40 * DAY_MS } });
    const dueMs = harness.clock.now() + 30 * DAY_MS;
    const early = await harness.send('orders', 'a', dueMs);
    const late = await harness.send('orders', 'b', dueMs);
    await harness.send('orders', 'c', dueMs);
    await harness.advance(DAY_MS / 2);
    await harness.recall(early.handle!);
    await harness.advance(17 * DAY_MS);
    harness = await harness.reopened();
    await harness.advance(12 * DAY_MS + DAY_MS / 4);
    await harness.recall(late.handle!);
    await harness.advance(DAY_MS);
    expect(await harness.delivered('orders')).toEqual([{ body: 'c', atMs: dueMs }]);
    expect(harness.timers.pending.total).toBe(0);
    await harness.close();
  });

  it('is recalled once, however often and at the same time that is asked for', async () => {
    const harness = await TimerHarness.open();
    const { handle, msgId } = await harness.send('orders', 'a', harness.clock.now() + 5000);
    const recall = (): Promise<string> => harness.recall(handle!);
    const again = { code: 'ALREADY_RECALLED', fields: { topic: 'orders', msgId } };
    const [first, ...others] = await Promise.allSettled([recall(), recall(), recall()]);
    expect(first).toEqual({ status: 'fulfilled', value: msgId });
    for (const other of others) expect(other).toMatchObject({ status: 'rejected', reason: again });
    await expect(recall()).rejects.toMatchObject(again);
    await harness.advance(5000);
    await expect(recall()).rejects.toMatchObject({ code: 'RECALL_TOO_LATE' });
    expect(await harness.messages('rmq_sys_wheel_timer')).toHaveLength(2);
    expect(harness.timers.pending.total).toBe(0);
    await harness.close();
  });

  it('is recalled by the second who asks, if the first could not', async () => {
    let failures = 1;
    const harness = await TimerHarness.open({
      beforeAppend: async (draft) => {
        if (isRecall(draft) && failures-- > 0) throw new Error('no room');
      },
    });
    const { handle, msgId } = await harness.send('orders', 'a', harness.clock.now() + 5000);
    const recall = (): Promise<string> => harness.recall(handle!);
    expect(await Promise.allSettled([recall(), recall(), recall()])).toEqual([
      { status: 'rejected', reason: expect.objectContaining({ message: 'no room' }) },
      { status: 'fulfilled', value: msgId },
      { status: 'rejected', reason: expect.objectContaining({ code: 'ALREADY_RECALLED' }) },
    ]);
    await harness.advance(5000);
    expect(await bodies(harness)).toEqual([]);
    await harness.close();
  });

  it('is not delivered when retention takes its recall after the message was read', async () => {
    const harness = new TimerHarness({});
    await harness.openStore();
    const { store } = harness.context;
    let recallOffset = -1;
    let isRemoved = false;
    harness.context = {
      ...harness.context,
      store: {
        ...store,
        readRecord: (physicalOffset) => {
          // Its file goes in this moment, and with it the one before.
          if (physicalOffset === recallOffset) isRemoved = true;
          return isRemoved ? undefined : store.readRecord(physicalOffset);
        },
      },
    };
    await harness.openTimers();
    const { handle } = await harness.send('orders', 'a', harness.clock.now() + 5000);
    await harness.recall(handle!);
    recallOffset = (await harness.messages('rmq_sys_wheel_timer')).at(-1)!.commitLogOffset;
    await harness.advance(10_000);
    expect(isRemoved).toBe(true);
    expect(await bodies(harness)).toEqual([]);
    expect(harness.timers.statistics.lost).toBe(1);
    await harness.close();
  });

  it('is told from one of the same id that goes to another topic', async () => {
    const harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 5000;
    const { handle, msgId } = await harness.send('orders', 'a', dueMs);
    const { uniqKey, ...rest } = parseRecallHandle(handle!);
    expect(uniqKey).toBe(msgId);
    const other = formatRecallHandle({ ...rest, topic: 'mails', uniqKey });
    await expect(harness.recall(other, 'mails')).rejects.toMatchObject({ code: 'RECALL_HANDLE_ILLEGAL' });
    await expect(harness.recall(handle!, 'mails')).rejects.toMatchObject({ code: 'RECALL_HANDLE_ILLEGAL' });
    await harness.advance(5000);
    expect(await bodies(harness)).toEqual(['a']);
    await harness.close();
  });

  it('may be named by the handle of a real broker, which holds the second only', async () => {
    const harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 5678;
    const { handle } = await harness.send('orders', 'a', dueMs);
    const timestampMs = Math.floor(dueMs / 1000) * 1000 + 1;
    await harness.advance(5500);
    await harness.recall(formatRecallHandle({ ...parseRecallHandle(handle!), timestampMs }));
    await harness.advance(5000);
    expect(await bodies(harness)).toEqual([]);
    await harness.close();
  });
});

describe('A recall', () => {
  it('that is not yet on the disk when the message is due holds the message back, and wins', async () => {
    const { beforeAppend, open } = gate();
    const harness = await TimerHarness.open({ beforeAppend });
    const { handle, msgId } = await harness.send('orders', 'a', harness.clock.now() + 500);
    const recall = harness.recall(handle!);
    await turns(harness);
    await harness.clock.advance(600, () => turns(harness));
    expect(await bodies(harness)).toEqual([]);
    open();
    expect(await recall).toBe(msgId);
    await harness.advance(5000);
    expect(await bodies(harness)).toEqual([]);
    expect(harness.timers.pending.total).toBe(0);
    await harness.close();
  });

  it('that does not get to the disk holds the message back only until then', async () => {
    const { beforeAppend, open } = gate();
    const harness = await TimerHarness.open({ beforeAppend });
    const { handle } = await harness.send('orders', 'a', harness.clock.now() + 500);
    const recall = harness.recall(handle!);
    const refusal = recall.catch((error: unknown) => error);
    await turns(harness);
    await harness.clock.advance(600, () => turns(harness));
    open(new Error('no room'));
    expect(await refusal).toMatchObject({ message: 'no room' });
    await harness.advance(0);
    expect(await bodies(harness)).toEqual(['a']);
    await harness.close();
  });

  it('is too late when the message is due, and after it', async () => {
    const harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 500;
    const { handle, msgId } = await harness.send('orders', 'a', dueMs);
    for (const stepMs of [500, 1, 499, 1, DAY_MS]) {
      await harness.advance(stepMs);
      await expect(harness.recall(handle!)).rejects.toMatchObject({
        code: 'RECALL_TOO_LATE',
        fields: { topic: 'orders', msgId, deliverAtMs: dueMs },
      });
    }
    expect(await bodies(harness)).toEqual(['a']);
    await harness.close();
  });

  it('of a message that was delivered comes too late, also when the clock has gone back since', async () => {
    let harness = await TimerHarness.open();
    const dueMs = Math.ceil(harness.clock.now() / 1000) * 1000 + 5100;
    const { handle } = await harness.send('orders', 'a', dueMs);
    const other = await harness.send('orders', 'b', dueMs + 400);
    await harness.clock.advanceTo(dueMs + 50, () => harness.settle());
    expect(await bodies(harness)).toEqual(['a']);
    for (let life = 0; life < 2; life++) {
      harness.clock.stepWallClock(-100);
      await expect(harness.recall(handle!)).rejects.toMatchObject({ code: 'RECALL_TOO_LATE' });
      harness = await harness.reopened();
    }
    // What has not been taken out of its second can be recalled.
    await harness.recall(other.handle!);
    await harness.advance(5000);
    expect(await bodies(harness)).toEqual(['a']);
    await harness.close();
  });

  it('of an unknown message, or of another broker, changes nothing', async () => {
    const harness = await TimerHarness.open();
    const { handle } = await harness.send('orders', 'a', harness.clock.now() + 5000);
    const known = parseRecallHandle(handle!);
    const unknown = [
      { ...known, uniqKey: 'nobody' },
      { ...known, topic: 'nowhere' },
      { ...known, timestampMs: known.timestampMs + 1000 },
      { ...known, timestampMs: known.timestampMs + 100 * DAY_MS },
      { ...known, brokerName: 'broker-b' },
    ].map(formatRecallHandle);
    for (const text of [...unknown, 'nonsense', '']) {
      await expect(harness.recall(text)).rejects.toMatchObject({ code: 'RECALL_HANDLE_ILLEGAL' });
    }
    expect(harness.timers.pending.total).toBe(1);
    await harness.advance(5000);
    expect(await bodies(harness)).toEqual(['a']);
    await harness.close();
  });

  it('is refused before the start and after the end', async () => {
    const harness = await TimerHarness.open();
    const { handle } = await harness.send('orders', 'a', harness.clock.now() + 5000);
    await harness.close();
    await expect(harness.recall(handle!)).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });
});

/** Lets what is under way come to rest, though a recall waits at the gate. */
async function turns(harness: TimerHarness): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => harness.clock.defer(resolve));
}
