import fc from 'fast-check';

import { readSlot } from '../../../lib/engine/delivery/timer/slot-reader.js';
import { SlotBits } from '../../../lib/engine/delivery/timer/slot-bits.js';
import { TimerLog } from '../../../lib/engine/delivery/timer/timer-log.js';
import {
  lookTimeMs,
  possibleSlots,
  slotEndMs,
  slotOf,
  slotStartMs,
} from '../../../lib/engine/delivery/timer/timer-time.js';
import { UnitMagic, writeUnit } from '../../../lib/engine/delivery/timer/timer-unit.js';
import { FaultyFileSystem, ManualClock, MemoryFileSystem, SeededRandom } from '../../../lib/engine/io/index.js';
import type { FileSystem } from '../../../lib/engine/types/index.js';
import { STORE_PATH, TimerHarness } from './timer-harness.js';
import { copyTree, PowerCutFileSystem } from './timer-power-cut.js';

const SLOTS = 1_209_600;
const DAY_MS = 86_400_000;

/** What RocketMQ's classes `Slot` and `TimerLog` make of the files, read without our code. */
async function readAsRocketMq(harness: TimerHarness, timeMs: number) {
  const wheel = (await harness.fileSystem.readFile(`${STORE_PATH}/timerwheel`))!;
  const slotAt = (Math.floor(timeMs / 1000) % SLOTS) * 32;
  const slot = {
    timeMs: Number(wheel.readBigInt64BE(slotAt)) * 1000,
    firstPos: Number(wheel.readBigInt64BE(slotAt + 8)),
    lastPos: Number(wheel.readBigInt64BE(slotAt + 16)),
    num: wheel.readInt32BE(slotAt + 24),
  };
  const units = [];
  for (let position = slot.lastPos; slot.timeMs !== 0 && position >= 0;) {
    const fileSize = 4096;
    const name = String(position - (position % fileSize)).padStart(20, '0');
    const file = (await harness.fileSystem.readFile(`${STORE_PATH}/timerlog/${name}`))!;
    const at = position % fileSize;
    units.push({
      size: file.readInt32BE(at),
      magic: file.readInt32BE(at + 12),
      delayedTime: Number(file.readBigInt64BE(at + 16)) + file.readInt32BE(at + 24),
      writeTime: Number(file.readBigInt64BE(at + 16)),
      offsetPy: Number(file.readBigInt64BE(at + 28)),
      sizePy: file.readInt32BE(at + 36),
    });
    position = Number(file.readBigInt64BE(at + 4));
  }
  return { wheelBytes: wheel.length, slot, units };
}

/** One byte of the first file of units. */
async function damage(fileSystem: FileSystem, at: number): Promise<void> {
  const log = await fileSystem.open(`${STORE_PATH}/timerlog/${'0'.repeat(20)}`, 'write');
  await log.write(Buffer.from([0xff]), at);
  await log.close();
}

describe('The files of the timer index', () => {
  it('are those of RocketMQ: a wheel of seconds, chains of units from the newest to the oldest, a checkpoint', async () => {
    const harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    const dueMs = startMs + 5000;
    const first = await harness.send('orders', 'a', dueMs);
    await harness.send('orders', 'b', dueMs - 999);
    await harness.send('orders', 'c', dueMs + 1);
    await harness.recall(first.handle!);
    await harness.advance(2000);
    const records = await harness.messages('rmq_sys_wheel_timer');
    const outMs = dueMs - 1000;
    const { wheelBytes, slot, units } = await readAsRocketMq(harness, outMs);
    expect(wheelBytes).toBe(2 * 604_800 * 32);
    expect(slot).toEqual({ timeMs: outMs, firstPos: 0, lastPos: 3 * 52, num: 1 });
    expect(units).toEqual(
      [records[3]!, records[1]!, records[0]!].map((record, i) => ({
        size: 52,
        magic: i === 0 ? 5 : 1,
        delayedTime: outMs,
        writeTime: startMs,
        offsetPy: record.commitLogOffset,
        sizePy: record.storeSize,
      })),
    );
    const check = (await harness.fileSystem.readFile(`${STORE_PATH}/config/timercheck`))!;
    expect(check).toHaveLength(4096);
    const [readMs, flushPos, queueOffset, masterQueueOffset] = [0, 8, 16, 24].map((at) =>
      Number(check.readBigInt64BE(at)),
    );
    expect([flushPos, queueOffset, masterQueueOffset]).toEqual([4 * 52, 4, 4]);
    expect(readMs! % 1000).toBe(0);
    expect(readMs).toBeLessThanOrEqual(outMs);
    const metrics = JSON.parse(
      String(await harness.fileSystem.readFile(`${STORE_PATH}/config/timermetrics`)),
    ) as unknown;
    expect(metrics).toMatchObject({ timingCount: { orders: { count: 2 } } });
    await harness.close();
  });

  it('mark what is to go back into the timer topic, so that a real broker does not deliver it too early', async () => {
    const harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 3 * DAY_MS;
    await harness.send('orders', 'a', dueMs);
    await harness.advance(2000);
    const { units } = await readAsRocketMq(harness, dueMs - DAY_MS - 1000);
    expect(units).toEqual([expect.objectContaining({ magic: 3 })]);
    await harness.close();
  });

  it('show a slot as empty to a real broker as soon as it is done', async () => {
    const harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 5000;
    await harness.send('orders', 'a', dueMs);
    await harness.advance(10_000);
    expect((await readAsRocketMq(harness, dueMs - 1000)).slot.timeMs).toBe(0);
    await harness.close();
  });

  it('go when nothing in them is needed any more', async () => {
    const harness = await TimerHarness.open();
    const files = async (): Promise<number> => (await harness.fileSystem.list(`${STORE_PATH}/timerlog`)).length;
    for (let i = 0; i < 1000; i++) await harness.send('orders', String(i), harness.clock.now() + 1000 + i);
    await harness.advance(1500);
    const kept = await harness.send('orders', 'kept', harness.clock.now() + DAY_MS);
    expect(await files()).toBeGreaterThan(10);
    for (let minute = 0; minute < 3; minute++) {
      await harness.advance(60_000);
      await harness.send('orders', 'x', harness.clock.now() + 500);
    }
    await harness.advance(5000);
    expect(await files()).toBeLessThanOrEqual(2);
    await harness.recall(kept.handle!);
    await harness.close();
  });
});

describe('An index that is not there, or not ours,', () => {
  const removeTimerFiles = async (harness: TimerHarness, ...names: string[]): Promise<void> => {
    for (const name of names) {
      const path = `${STORE_PATH}/${name}`;
      for (const file of name === 'timerlog' ? await harness.fileSystem.list(path) : []) {
        await harness.fileSystem.remove(`${path}/${file}`);
      }
      await harness.fileSystem.remove(path);
    }
  };

  it('is made again from the log without delivering anything twice, if the checkpoint is left', async () => {
    let harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    for (let i = 1; i <= 300; i++) await harness.send('orders', String(i), startMs + i * 50);
    await harness.advance(5025);
    await harness.close();
    await removeTimerFiles(harness, 'timerwheel', 'timerlog', 'config/timermetrics');
    harness = await TimerHarness.open({ clock: harness.clock, fileSystem: harness.fileSystem });
    expect(harness.logger.warnings).toEqual([expect.stringContaining('The timer index is made again from the log')]);
    expect(harness.timers.pending.total).toBe(200);
    await harness.advance(60_000);
    const expected = Array.from({ length: 300 }, (_, i) => ({ body: String(i + 1), atMs: startMs + (i + 1) * 50 }));
    expect(await harness.delivered('orders')).toEqual(expected);
    harness = await harness.reopened();
    expect(harness.logger.warnings).toEqual([]);
    await harness.close();
  });

  it('is made again without a checkpoint as well: what was due is delivered once more, and nothing is lost', async () => {
    let harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    for (let i = 1; i <= 10; i++) await harness.send('orders', String(i), startMs + i * 1000);
    await harness.advance(5000);
    await harness.close();
    await removeTimerFiles(harness, 'config/timercheck');
    harness = await TimerHarness.open({ clock: harness.clock, fileSystem: harness.fileSystem });
    await harness.advance(60_000);
    const times = (await harness.delivered('orders')).map(({ body, atMs }) => [Number(body), (atMs - startMs) / 1000]);
    expect(times.slice(0, 10).map(([body]) => body)).toEqual([1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
    expect(times.slice(10)).toEqual([6, 7, 8, 9, 10].map((second) => [second, second]));
    await harness.close();
  });

  it('goes on where a real broker left it', async () => {
    let harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    for (let i = 1; i <= 10; i++) await harness.send('orders', String(i), startMs + i * 1000);
    await harness.close();
    // The broker has delivered the first five, and writes its part of the checkpoint.
    await harness.clock.advance(5500);
    const check = await harness.fileSystem.open(`${STORE_PATH}/config/timercheck`, 'write');
    const bytes = Buffer.alloc(32);
    bytes.writeBigInt64BE(BigInt(startMs + 5000), 0);
    bytes.writeBigInt64BE(520n, 8);
    bytes.writeBigInt64BE(10n, 16);
    bytes.writeBigInt64BE(10n, 24);
    await check.write(bytes, 0);
    await check.close();
    harness = await TimerHarness.open({ clock: harness.clock, fileSystem: harness.fileSystem });
    await harness.advance(60_000);
    expect((await harness.delivered('orders')).map(({ body }) => body)).toEqual(['6', '7', '8', '9', '10']);
    await harness.close();
  });

  it('leaves a real broker nothing to take in again, where the last messages are done', async () => {
    let harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    await harness.send('orders', 'late', startMs + DAY_MS);
    for (let i = 1; i <= 10; i++) await harness.send('orders', String(i), startMs + i * 100);
    await harness.advance(5000);
    await harness.close();
    await removeTimerFiles(harness, 'timerwheel', 'timerlog');
    harness = await TimerHarness.open({ clock: harness.clock, fileSystem: harness.fileSystem });
    await harness.advance(5000);
    harness = await harness.reopened();
    expect(harness.logger.warnings).toEqual([]);
    // A real broker takes in what comes after the record of the last unit, and links the unit to its slot.
    const log = (await harness.fileSystem.readFile(`${STORE_PATH}/timerlog/${'0'.repeat(20)}`))!;
    const positions = [0, 52, 104].filter((at) => log.readInt32BE(at) === 52);
    const last = positions.at(-1)!;
    const records = await harness.messages('rmq_sys_wheel_timer');
    expect(Number(log.readBigInt64BE(last + 28))).toBe(records[10]!.commitLogOffset);
    expect(positions).toHaveLength(2);
    const slotMs = Number(log.readBigInt64BE(last + 16)) + log.readInt32BE(last + 24);
    const check = (await harness.fileSystem.readFile(`${STORE_PATH}/config/timercheck`))!;
    // It does not read that slot, and the wheel has it for nothing else.
    expect(slotMs).toBeLessThan(Number(check.readBigInt64BE(0)));
    expect((await readAsRocketMq(harness, slotMs)).slot.timeMs).toBe(0);
    await harness.advance(2 * DAY_MS);
    const delivered = await harness.delivered('orders');
    expect(delivered.slice(10)).toEqual([{ body: 'late', atMs: startMs + DAY_MS }]);
    await harness.close();
  });

  it('delivers a message once that a real broker has put back on its way', async () => {
    let harness = await TimerHarness.open({ timers: { timerRollWindowMs: 4000 } });
    const dueMs = harness.clock.now() + 20_000;
    await harness.send('orders', 'a', dueMs);
    const { handle } = await harness.send('orders', 'b', dueMs);
    await harness.advance(9000);
    // What the broker writes of a checkpoint; it does not say where its window put the messages.
    const { maxOffset } = harness.store.messages.queueRange('rmq_sys_wheel_timer', 0);
    expect(maxOffset).toBeGreaterThan(4);
    const readMs = Math.floor(harness.clock.now() / 1000) * 1000;
    await harness.close();
    const bytes = Buffer.alloc(4096);
    for (const [at, value] of [readMs, 0, maxOffset, maxOffset].entries()) bytes.writeBigInt64BE(BigInt(value), at * 8);
    const check = await harness.fileSystem.open(`${STORE_PATH}/config/timercheck`, 'write');
    await check.write(bytes, 0);
    await check.close();

    harness = await TimerHarness.open({ clock: harness.clock, fileSystem: harness.fileSystem });
    expect((await harness.timers.next(10)).map(({ deliverAtMs }) => deliverAtMs)).toEqual([dueMs, dueMs]);
    await harness.recall(handle!);
    harness = await harness.reopened();
    await harness.advance(60_000);
    expect(await harness.delivered('orders')).toEqual([{ body: 'a', atMs: dueMs }]);
    expect(harness.timers.statistics).toMatchObject({ delivered: 1, lost: 0 });
    expect(harness.timers.pending.total).toBe(0);
    await harness.close();
  });

  it('is made again when a unit turns out to be damaged while the broker runs', async () => {
    let harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    for (let i = 1; i <= 100; i++) await harness.send('orders', String(i), startMs + i * 100);
    harness = await harness.reopened();
    await damage(harness.fileSystem, 52 * 50 + 30);
    await harness.advance(60_000);
    expect(harness.logger.warnings).toEqual([expect.stringContaining('The timer index is damaged')]);
    const expected = Array.from({ length: 100 }, (_, i) => ({ body: String(i + 1), atMs: startMs + (i + 1) * 100 }));
    expect(await harness.delivered('orders')).toEqual(expected);
    await harness.close();
  });

  it('is made again, or read as it was, whatever bit of a slot is lost', async () => {
    const clock = new ManualClock();
    let harness = await TimerHarness.open({ clock });
    const dueMs = clock.now() + 5000;
    for (let i = 0; i < 3; i++) await harness.send('orders', String(i), dueMs);
    await harness.close();
    const slotAt = (slotOf(dueMs) % SLOTS) * 32;
    for (let bit = 0; bit < 256; bit += 3) {
      const fileSystem = await copyOf(harness.fileSystem as MemoryFileSystem, clock);
      const wheel = await fileSystem.open(`${STORE_PATH}/timerwheel`, 'write');
      const byte = Buffer.alloc(1);
      await wheel.read(byte, slotAt + (bit >> 3));
      byte[0]! ^= 1 << (bit & 7);
      await wheel.write(byte, slotAt + (bit >> 3));
      await wheel.close();
      const damaged = await TimerHarness.open({ clock: new ManualClock(clock.now()), fileSystem });
      await damaged.advance(10_000);
      expect([bit, await damaged.delivered('orders')]).toEqual([
        bit,
        ['0', '1', '2'].map((body) => ({ body, atMs: dueMs })),
      ]);
      await damaged.close();
    }
    harness = await TimerHarness.open({ clock, fileSystem: harness.fileSystem });
    expect(harness.logger.warnings).toEqual([]);
    await harness.close();
  });

  it('is made again from the beginning when the power is cut while it is made', async () => {
    let harness = await TimerHarness.open();
    const { clock } = harness;
    const startMs = clock.now();
    for (let i = 0; i < 600; i++) await harness.send('orders', String(i), startMs + 100_000 + i);
    await harness.advance(2000);
    await harness.close();
    await removeTimerFiles(harness, 'timerwheel');
    const disk = new PowerCutFileSystem(harness.fileSystem as MemoryFileSystem, () => true);
    let pulls = 0;
    const stopped = TimerHarness.open({
      clock,
      fileSystem: disk,
      diskGone: disk.gone,
      beforePull: () => ((pulls += 1) > 2 ? new Promise(() => undefined) : Promise.resolve()),
    });
    // Long enough for a checkpoint, if there were one.
    await clock.advance(5000, () => turns(clock));
    disk.cutNow();
    await stopped;
    const fileSystem = await disk.afterwards(clock, new SeededRandom(1));
    harness = await TimerHarness.open({ clock, fileSystem });
    expect(harness.logger.warnings).toContainEqual(expect.stringContaining('is made again from the log'));
    expect(harness.timers.pending.total).toBe(600);
    await harness.advance(200_000);
    const expected = Array.from({ length: 600 }, (_, i) => ({ body: String(i), atMs: startMs + 100_000 + i }));
    expect(await harness.delivered('orders')).toEqual(expected);
    await harness.close();
  });

  it('is made again to the message when deliveries of one millisecond were half done', async () => {
    let left = 700;
    let harness = await TimerHarness.open({
      beforeAppend: async ({ topic }) => {
        if (topic === 'orders' && left-- <= 0) throw new Error('no room');
      },
    });
    const dueMs = harness.clock.now() + 5000;
    for (let i = 0; i < 1200; i++) await harness.send('orders', String(i), dueMs);
    await harness.advance(5000);
    await harness.close();
    await removeTimerFiles(harness, 'timerwheel');
    harness = await TimerHarness.open({ clock: harness.clock, fileSystem: harness.fileSystem });
    const bodies = (await harness.delivered('orders')).map(({ body }) => Number(body));
    expect(bodies).toEqual(Array.from({ length: 1200 }, (_, i) => i));
    await harness.close();
  });

  it('is made again twice in one second without delivering anything twice', async () => {
    let harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    await harness.send('orders', 'early', startMs + 28);
    await harness.send('orders', 'late', startMs + 1000);
    for (const name of ['timerlog', 'timerwheel']) {
      await harness.advance(50);
      await harness.close();
      await removeTimerFiles(harness, name);
      harness = await TimerHarness.open({ clock: harness.clock, fileSystem: harness.fileSystem });
      await harness.settle();
    }
    await harness.send('orders', 'overdue', startMs + 101);
    await harness.advance(1);
    await harness.close();
    await removeTimerFiles(harness, 'timerwheel');
    harness = await TimerHarness.open({ clock: harness.clock, fileSystem: harness.fileSystem });
    await harness.advance(2000);
    expect((await harness.delivered('orders')).map(({ body }) => body)).toEqual(['early', 'overdue', 'late']);
    await harness.close();
  });

  it('is made again when that is found while deliveries are being tried again', async () => {
    let isBusy = false;
    const harness = await TimerHarness.open({
      beforeAppend: async ({ topic }) => {
        if (isBusy && topic === 'orders') throw new Error('the disk is busy');
      },
    });
    const startMs = Math.ceil(harness.clock.now() / 1000) * 1000;
    await harness.send('orders', 'a', startMs + 5200);
    await harness.send('orders', 'b', startMs + 6200);
    await harness.clock.advanceTo(startMs + 4000, () => harness.settle());
    // In the unit of b, which is not in memory yet.
    await damage(harness.fileSystem, 52 + 45);
    isBusy = true;
    await harness.clock.advanceTo(startMs + 5600, () => harness.settle());
    isBusy = false;
    await harness.advance(60_000);
    await harness.send('orders', 'c', harness.clock.now() + 5000);
    await harness.advance(60_000);
    expect((await harness.delivered('orders')).map(({ body }) => body)).toEqual(['a', 'b', 'c']);
    await harness.close();
  });

  it('is made again also when its files can not be removed for a while, and the log is kept meanwhile', async () => {
    const clock = new ManualClock();
    const fileSystem = new FaultyFileSystem({ random: new SeededRandom(1), clock });
    let harness = await TimerHarness.open({ clock, fileSystem });
    const dueMs = clock.now() + 50_000;
    const { handle } = await harness.send('orders', 'a', dueMs);
    await harness.send('orders', 'b', dueMs);
    await harness.settle();
    harness = await harness.reopened();
    await damage(fileSystem, 30);
    fileSystem.failNext({ operation: 'remove', pathPart: 'timerwheel', code: 'EIO', times: 3 });
    const recalled = harness.recall(handle!);
    await harness.settle();
    expect(await harness.timers.oldestPending()).toBe(0);
    await harness.advance(2000);
    await recalled;
    await harness.advance(60_000);
    expect(await harness.delivered('orders')).toEqual([{ body: 'b', atMs: dueMs }]);
    expect(harness.logger.errors).toEqual([expect.stringContaining('could not be cleared')]);
    await harness.close();
  });

  it('can be closed while its files can not be removed', async () => {
    const clock = new ManualClock();
    const fileSystem = new FaultyFileSystem({ random: new SeededRandom(1), clock });
    let harness = await TimerHarness.open({ clock, fileSystem });
    const dueMs = clock.now() + 50_000;
    await harness.send('orders', 'a', dueMs);
    await harness.settle();
    harness = await harness.reopened();
    await damage(fileSystem, 30);
    fileSystem.failNext({ operation: 'remove', pathPart: 'timerwheel', code: 'EIO', times: 1000 });
    await harness.advance(55_000);
    await harness.close();
    fileSystem.clearFaults();
    harness = await TimerHarness.open({ clock, fileSystem });
    await harness.advance(10_000);
    expect((await harness.delivered('orders')).map(({ body }) => body)).toEqual(['a']);
    await harness.close();
  });

  it('is no index for the next start before it is whole again, whoever looks into it meanwhile', async () => {
    let harness = await TimerHarness.open();
    for (let i = 0; i < 10; i++) await harness.send('orders', String(i), harness.clock.now() + 50_000 + i);
    await harness.advance(3000);
    await harness.close();
    const { clock, fileSystem } = harness;
    const log = await fileSystem.open(`${STORE_PATH}/timerlog/${'0'.repeat(20)}`, 'write');
    await log.truncate(52 * 10);
    await log.close();
    let pulls = 0;
    harness = new TimerHarness({
      clock,
      fileSystem,
      beforePull: async () => {
        // The first batch is in the index.
        if (++pulls === 2) await harness.timers.oldestPending();
        if (pulls === 2) wheelBytes.push((await fileSystem.stat(`${STORE_PATH}/timerwheel`))?.sizeBytes);
      },
    });
    const wheelBytes: (number | undefined)[] = [];
    await harness.openStore();
    await harness.openTimers();
    expect(wheelBytes).toEqual([undefined]);
    await harness.advance(60_000);
    expect(await harness.delivered('orders')).toHaveLength(10);
    await harness.close();
  });

  it('is made again by a recall that meets the damage', async () => {
    let harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 50_000;
    const { handle } = await harness.send('orders', 'a', dueMs);
    await harness.send('orders', 'b', dueMs);
    await harness.settle();
    harness = await harness.reopened();
    await damage(harness.fileSystem, 30);
    await harness.recall(handle!);
    await harness.advance(60_000);
    expect(await harness.delivered('orders')).toEqual([{ body: 'b', atMs: dueMs }]);
    await harness.close();
  });

  it('is made again when its files are of another size', async () => {
    let harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 5000;
    for (let i = 0; i < 100; i++) await harness.send('orders', String(i), dueMs);
    harness = await harness.reopened({ timerLogFileBytes: 2048 });
    expect(harness.logger.warnings).toEqual([expect.stringContaining('expected a file of 2048 bytes')]);
    await harness.advance(10_000);
    expect(await harness.delivered('orders')).toHaveLength(100);
    await harness.close();
  });

  it('does not pass over a message when the log was put back to an older state', async () => {
    let harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    for (let i = 0; i < 10; i++) await harness.send('orders', String(i), startMs + 5000);
    await harness.close();
    for (const name of ['commitlog', 'consumequeue/rmq_sys_wheel_timer/0']) {
      for (const file of await harness.fileSystem.list(`${STORE_PATH}/${name}`)) {
        await harness.fileSystem.remove(`${STORE_PATH}/${name}/${file}`);
      }
    }
    await harness.fileSystem.remove(`${STORE_PATH}/checkpoint`);
    harness = await TimerHarness.open({ clock: harness.clock, fileSystem: harness.fileSystem });
    for (let i = 0; i < 5; i++) await harness.send('orders', `new ${i}`, startMs + 6000);
    await harness.advance(10_000);
    expect((await harness.delivered('orders')).map(({ body }) => body)).toEqual([0, 1, 2, 3, 4].map((i) => `new ${i}`));
    await harness.close();
  });
});

describe('The wheel', () => {
  it('has one slot for what is due in a second, beginning one millisecond after the full second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4e12 }), (timeMs) => {
        const slot = slotOf(timeMs);
        expect(slotStartMs(slot)).toBeLessThan(timeMs);
        expect(slotEndMs(slot)).toBeGreaterThanOrEqual(timeMs);
        expect(slotEndMs(slot) - slotStartMs(slot)).toBe(1000);
      }),
    );
  });

  it('has a message within one roll window, at a place that only its record decides, where a recall looks for it', () => {
    const window = fc.integer({ min: 1, max: 200_000 }).map((seconds) => seconds * 2000);
    const storedMs = fc.integer({ min: 1_600_000_000_000, max: 1_600_000_100_000 });
    const delayMs = fc.integer({ min: -1000, max: 40 * DAY_MS });
    fc.assert(
      fc.property(window, storedMs, delayMs, fc.nat(), (rollWindowMs, stored, delay, later) => {
        const dueMs = stored + delay;
        const lookMs = lookTimeMs(dueMs, stored, rollWindowMs);
        expect(lookMs).toBeLessThanOrEqual(Math.max(dueMs, stored + rollWindowMs));
        if (delay <= rollWindowMs) expect(lookMs).toBe(dueMs);
        else expect(lookMs).toBeGreaterThan(stored);
        // Anybody who recalls it before that place is reached, not knowing when it was stored, comes by it.
        const recalledMs = stored + (later % Math.max(1, lookMs - stored));
        const slots = possibleSlots(dueMs, recalledMs, recalledMs, rollWindowMs);
        expect(slots).toContain(slotOf(lookMs));
        expect(slots.length).toBeLessThanOrEqual(4);
      }),
    );
  });

  it('finds the next filled slot over any distance', () => {
    const slots = fc.uniqueArray(fc.integer({ min: 1_700_000_000, max: 1_700_000_000 + 5000 }), { maxLength: 50 });
    fc.assert(
      fc.property(slots, slots, (added, removed) => {
        const bits = new SlotBits(8192);
        for (const slot of added) bits.set(slot);
        for (const slot of removed) bits.delete(slot);
        const expected = added.filter((slot) => !removed.includes(slot)).toSorted((a, b) => a - b);
        const found: number[] = [];
        for (let at = 1_700_000_000; ;) {
          const next = bits.next(at, 1_700_005_000);
          if (next === undefined) break;
          found.push(next);
          at = next + 1;
        }
        expect(found).toEqual(expected);
        expect(expected.every((slot) => bits.has(slot))).toBe(true);
      }),
    );
  });
});

describe('A chain of the timer log', () => {
  const timer = fc.record({
    msInSlot: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.constantFrom(1, 500)),
    isOther: fc.boolean(),
    isDelete: fc.boolean(),
    keyHash: fc.integer({ min: 0, max: 20 }),
    isWritten: fc.boolean(),
  });

  it('is read in parts of any size: each timer once, in order, with the recalls that concern it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(timer, { maxLength: 120 }), fc.integer({ min: 1, max: 130 }), async (timers, max) => {
        const log = new TimerLog('/timerlog', 1024, new MemoryFileSystem());
        await log.open(0);
        const last = { mine: -1, other: -1 };
        for (const [i, unit] of timers.entries()) {
          const chain = unit.isOther ? 'other' : 'mine';
          const { msInSlot, keyHash } = unit;
          const magic = unit.isDelete ? UnitMagic.DEFAULT | UnitMagic.DELETE : UnitMagic.DEFAULT;
          const slotSec = unit.isOther ? 8 : 7;
          const facts = {
            magic,
            slotSec,
            physicalOffset: i,
            sizeBytes: i + 100,
            topicHash: 0,
            msInSlot,
            keyHash,
            counted: true,
          };
          const previous = last[chain];
          last[chain] = log.append((bytes, at) => writeUnit(bytes, at, facts, previous, 7500));
          if (unit.isWritten) await log.write();
        }
        const waiting = timers.flatMap(({ msInSlot, isOther, isDelete, keyHash }, physicalOffset) =>
          isOther || isDelete ? [] : { msInSlot, physicalOffset, keyHash },
        );
        const expected = waiting.toSorted((a, b) => a.msInSlot - b.msInSlot || a.physicalOffset - b.physicalOffset);
        const found: { msInSlot: number; physicalOffset: number }[] = [];
        for (;;) {
          const after = found.at(-1);
          const part = await readSlot(log, { slotSec: 7, lastPosition: last.mine }, after, max);
          const before = found.length;
          for (const [msInSlot, bucket] of part.timersByMs.entries()) {
            for (let at = 0; at < (bucket?.length ?? 0); at += 2) {
              expect(bucket![at + 1]).toBe(bucket![at]! + 100);
              found.push({ msInSlot, physicalOffset: bucket![at]! });
            }
          }
          const count = found.length - before;
          expect(count).toBeLessThanOrEqual(max);
          const hashes = new Set(expected.slice(before, before + count).map(({ keyHash }) => keyHash));
          const recalls = timers.flatMap(({ isOther, isDelete, keyHash }, i) =>
            !isOther && isDelete && hashes.has(keyHash) ? [i] : [],
          );
          const concerned = [...part.deletions.values()].flat().map(({ physicalOffset }) => physicalOffset);
          expect(concerned.toSorted((a, b) => a - b)).toEqual(recalls);
          if (!part.hasMore) break;
          expect(count).toBeGreaterThan(0);
        }
        expect(found).toEqual(expected.map(({ msInSlot, physicalOffset }) => ({ msInSlot, physicalOffset })));
        await log.close();
      }),
    );
  });

  const unit = {
    magic: 1,
    slotSec: 7,
    physicalOffset: 12_345,
    sizeBytes: 200,
    topicHash: 99,
    msInSlot: 5,
    keyHash: 77,
    counted: false,
  };

  it('has no unit on the disk that came after the checkpoint asked for it: a real broker would take its message in again', async () => {
    const fileSystem = new MemoryFileSystem();
    const log = new TimerLog('/timerlog', 1024, fileSystem);
    await log.open(0);
    const append = (): number => log.append((bytes, at) => writeUnit(bytes, at, unit, -1, 7500));
    append();
    // The indexer's write, a checkpoint that waits for it, and the indexer's next units.
    const written = log.write().then(append);
    append();
    const synced = log.sync();
    append();
    await Promise.all([written, synced]);
    const file = (await fileSystem.readFile(`/timerlog/${'0'.repeat(20)}`))!;
    expect(file.readInt32BE(52)).toBe(52);
    expect(file.subarray(2 * 52).every((byte) => byte === 0)).toBe(true);
    await log.write();
    const complete = (await fileSystem.readFile(`/timerlog/${'0'.repeat(20)}`))!;
    expect([2, 3, 4].map((index) => complete.readInt32BE(index * 52))).toEqual([52, 52, 0]);
    await log.close();
  });

  it('tells damage of any byte of a unit', async () => {
    const fileSystem = new MemoryFileSystem();
    const log = new TimerLog('/timerlog', 1024, fileSystem);
    await log.open(0);
    log.append((bytes, at) => writeUnit(bytes, at, unit, -1, 7500));
    const position = log.append((bytes, at) => writeUnit(bytes, at, unit, 0, 7500));
    await log.sync();
    const file = await fileSystem.open(`/timerlog/${'0'.repeat(20)}`, 'write');
    const original = Buffer.alloc(52);
    await file.read(original, position);
    const walk = (): Promise<void> => log.walk(7, position, () => undefined);
    for (let at = 0; at < 52; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Buffer.from(original);
        damaged[at]! ^= 1 << bit;
        await file.write(damaged, position);
        await expect(walk()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
      }
    }
    await file.write(original, position);
    await expect(walk()).resolves.toBeUndefined();
  });
});

function turns(clock: ManualClock): Promise<void> {
  return Array.from({ length: 50 }).reduce<Promise<void>>(
    (before) => before.then(() => new Promise((resolve) => clock.defer(resolve))),
    Promise.resolve(),
  );
}

async function copyOf(disk: MemoryFileSystem, clock: ManualClock): Promise<MemoryFileSystem> {
  const copy = new MemoryFileSystem({ clock });
  await copyTree(disk, copy, '/');
  return copy;
}
