import { AsyncLocalStorage } from 'node:async_hooks';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { jest } from '@jest/globals';
import { SystemClock } from '../../../lib/engine/io/system-clock.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { transpileLibrary } from '../../support/transpiled-library.js';

const LONGEST_TIMER_MS = 2 ** 31 - 1;
const clock = new SystemClock();

it('tells the time of the system', () => {
  const before = Date.now();
  const told = clock.now();
  expect(told).toBeGreaterThanOrEqual(before);
  expect(told).toBeLessThanOrEqual(Date.now());
});

it('has a monotonic time that does not go back', () => {
  const times = Array.from({ length: 1000 }, () => clock.monotonicMs());
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

it.each([0, 0.4, 1, 2.7, 5])('never fires a timer of %d ms early', async (delayMs) => {
  const early: number[] = [];
  for (let round = 0; round < 20; round++) {
    const start = clock.monotonicMs();
    await new Promise<void>((resolve) => clock.setTimer(resolve, delayMs, { keepsProcessAlive: true }));
    const waitedMs = clock.monotonicMs() - start;
    if (waitedMs < delayMs) early.push(waitedMs);
  }
  expect(early).toEqual([]);
});

it('calls back in the async context in which it was made, whoever asks', async () => {
  const storage = new AsyncLocalStorage<string>();
  const own = storage.run('own', () => new SystemClock());
  const seen = await storage.run('of somebody', () =>
    Promise.all([
      new Promise((resolve) => own.defer(() => resolve(storage.getStore()))),
      new Promise((resolve) => own.setTimer(() => resolve(storage.getStore()), 1, { keepsProcessAlive: true })),
    ]),
  );
  expect(seen).toEqual(['own', 'own']);
});

it('does not fire a cancelled timer', async () => {
  let fired = false;
  const handle = clock.setTimer(() => (fired = true), 1);
  handle.cancel();
  await new Promise<void>((resolve) => clock.setTimer(resolve, 5));
  expect(fired).toBe(false);
  handle.cancel();
});

it('runs deferred callbacks in order, after the promise chains of the present turn', async () => {
  const events: string[] = [];
  clock.defer(() => events.push('first'));
  clock.defer(() => events.push('second'));
  for (let hop = 0; hop < 50; hop++) await Promise.resolve();
  events.push('burst ends');
  await new Promise(setImmediate);
  expect(events).toEqual(['burst ends', 'first', 'second']);
});

describe('a delay that is too long for one timer of Node', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('is waited for in parts, to its end and no longer', () => {
    let fired = 0;
    clock.setTimer(() => (fired += 1), 2.5 * LONGEST_TIMER_MS);
    jest.advanceTimersByTime(2.5 * LONGEST_TIMER_MS - 1);
    expect(fired).toBe(0);
    jest.advanceTimersByTime(1);
    expect(fired).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('can be cancelled in a later part', () => {
    let fired = 0;
    const handle = clock.setTimer(() => (fired += 1), 2.5 * LONGEST_TIMER_MS);
    jest.advanceTimersByTime(1.5 * LONGEST_TIMER_MS);
    handle.cancel();
    jest.advanceTimersByTime(2 * LONGEST_TIMER_MS);
    expect(fired).toBe(0);
  });
});

/** Runs one statement with a system clock in a process of its own, and gives what it wrote. */
async function outputOf(statement: string): Promise<string> {
  const library = await temporaryDirectory();
  try {
    await transpileLibrary(library.path, ['engine/io', 'engine/types', 'errors']);
    const url = pathToFileURL(join(library.path, 'engine/io/system-clock.js')).href;
    const program = `import { SystemClock } from ${JSON.stringify(url)}; ${statement}`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 60_000 });
    return String(stdout);
  } finally {
    await library.remove();
  }
}

describe('a process with nothing left but a timer', () => {
  it('ends', async () => {
    const output = await outputOf(`
      new SystemClock().setTimer(() => console.log('fired'), 3_600_000);
      process.on('exit', () => console.log('ended'));`);
    expect(output).toBe('ended\n');
  });

  it('goes on if the timer is to keep it alive', async () => {
    const output = await outputOf(
      `new SystemClock().setTimer(() => console.log('fired'), 50, { keepsProcessAlive: true });`,
    );
    expect(output).toBe('fired\n');
  });
});
