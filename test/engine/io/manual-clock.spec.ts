import { MANUAL_CLOCK_START_MS, ManualClock } from '../../../lib/engine/io/manual-clock.js';

let clock: ManualClock;
let events: string[];

/** A callback that notes its name and the time that has passed. */
const note = (name: string) => (): void => {
  events.push(`${name}@${clock.monotonicMs()}`);
};

beforeEach(() => {
  clock = new ManualClock();
  events = [];
});

describe('time', () => {
  it('starts where it is told, and stands still', async () => {
    expect(new ManualClock().now()).toBe(MANUAL_CLOCK_START_MS);
    expect(new ManualClock(5_000).now()).toBe(5_000);
    expect(new ManualClock(5_000).monotonicMs()).toBe(0);
  });

  it('goes on by what it is advanced', async () => {
    await clock.advance(1_500);
    await clock.advanceTo(MANUAL_CLOCK_START_MS + 2_000);
    expect(clock.now()).toBe(MANUAL_CLOCK_START_MS + 2_000);
    expect(clock.monotonicMs()).toBe(2_000);
  });

  it.each([-1, 0.5, Number.NaN, Infinity])('does not go by %d', async (durationMs) => {
    await expect(clock.advance(durationMs)).rejects.toThrow(RangeError);
    expect(clock.now()).toBe(MANUAL_CLOCK_START_MS);
  });

  it('is not advanced twice at once', async () => {
    const first = clock.advance(10);
    await expect(clock.advance(10)).rejects.toThrow('await the first call');
    await first;
    await clock.advance(10);
    expect(clock.monotonicMs()).toBe(20);
  });

  it('lets the wall clock be set back without timers noticing', async () => {
    clock.setTimer(note('timer'), 100);
    clock.stepWallClock(-60_000);
    await clock.advance(100);
    expect(events).toEqual(['timer@100']);
    expect(clock.now()).toBe(MANUAL_CLOCK_START_MS - 60_000 + 100);
  });
});

describe('timers', () => {
  it('fire in order of due time, then of setting, each at its due time', async () => {
    clock.setTimer(note('c'), 30);
    clock.setTimer(note('a'), 10);
    clock.setTimer(note('b1'), 20);
    clock.setTimer(note('b2'), 20);
    clock.setTimer(note('later'), 31);
    expect(clock.pendingTimers).toBe(5);
    await clock.advance(30);
    expect(events).toEqual(['a@10', 'b1@20', 'b2@20', 'c@30']);
    expect(clock.pendingTimers).toBe(1);
  });

  it('never fire early, also for a fraction of a millisecond', async () => {
    clock.setTimer(note('timer'), 9.2);
    await clock.advance(9);
    expect(events).toEqual([]);
    await clock.advance(1);
    expect(events).toEqual(['timer@10']);
  });

  it('fire only when the clock is advanced', async () => {
    clock.setTimer(note('timer'), 0);
    await new Promise(setImmediate);
    expect(events).toEqual([]);
    await clock.advance(0);
    expect(events).toEqual(['timer@0']);
  });

  it('that are set meanwhile fire, too, if they are due', async () => {
    const again = (): void => {
      note('again')();
      clock.setTimer(again, 10);
    };
    clock.setTimer(again, 10);
    await clock.advance(35);
    expect(events).toEqual(['again@10', 'again@20', 'again@30']);
    expect(clock.pendingTimers).toBe(1);
  });

  it('that are set by promise chains of others fire, too', async () => {
    clock.setTimer(() => {
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => clock.setTimer(note('second'), 5));
    }, 10);
    clock.setTimer(note('third'), 20);
    await clock.advance(20);
    expect(events).toEqual(['second@15', 'third@20']);
  });

  it('do not fire when cancelled, also by another of the same instant', async () => {
    const before = clock.setTimer(note('before'), 10);
    clock.setTimer(() => sameInstant.cancel(), 20);
    const sameInstant = clock.setTimer(note('same instant'), 20);
    const fired = clock.setTimer(note('fired'), 20);
    before.cancel();
    before.cancel();
    await clock.advance(20);
    fired.cancel();
    expect(events).toEqual(['fired@20']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('can wait for years', async () => {
    const yearsMs = 10 * 365 * 86_400_000;
    clock.setTimer(note('years'), yearsMs);
    await clock.advance(yearsMs - 1);
    expect(events).toEqual([]);
    await clock.advance(1);
    expect(events).toEqual([`years@${yearsMs}`]);
  });

  it('that set each other without delay for ever are an error, not a hang', async () => {
    const again = (): void => void clock.setTimer(again, 0);
    again();
    await expect(clock.advance(1, async () => {})).rejects.toThrow('endlessly');
  });

  it('that throw stop the clock at their time, and leave the others to the next advance', async () => {
    clock.setTimer(() => {
      throw new Error('thrown by a timer');
    }, 10);
    clock.setTimer(note('same instant'), 10);
    clock.setTimer(note('later'), 20);
    await expect(clock.advance(20)).rejects.toThrow('thrown by a timer');
    expect(clock.monotonicMs()).toBe(10);
    await clock.advance(10);
    expect(events).toEqual(['same instant@10', 'later@20']);
  });
});

describe('settle', () => {
  it('is awaited before the first timer, after each instant, and at the end', async () => {
    clock.setTimer(note('a'), 10);
    clock.setTimer(note('b'), 10);
    clock.setTimer(note('c'), 20);
    await clock.advance(30, async () => {
      note('settle')();
      await new Promise(setImmediate);
      note('settled')();
    });
    expect(events).toEqual([
      'settle@0',
      'settled@0',
      'a@10',
      'b@10',
      'settle@10',
      'settled@10',
      'c@20',
      'settle@20',
      'settled@20',
      'settle@30',
      'settled@30',
    ]);
  });
});

describe('defer', () => {
  it('runs callbacks in order, after the promise chains of the present turn', async () => {
    clock.defer(note('first'));
    clock.defer(note('second'));
    for (let hop = 0; hop < 50; hop++) await Promise.resolve();
    events.push('burst ends');
    await new Promise(setImmediate);
    expect(events).toEqual(['burst ends', 'first@0', 'second@0']);
  });

  it('starves neither promises nor I/O when a callback defers itself again and again', async () => {
    let goesOn = true;
    const again = (): void => {
      if (goesOn) clock.defer(again);
    };
    again();
    const { readFile } = await import('node:fs/promises');
    const content = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
    goesOn = false;
    expect(content).toContain('nestjs-rocket');
  });

  it('has run when an advance without a settle of its own ends', async () => {
    clock.setTimer(() => clock.defer(note('deferred')), 10);
    await clock.advance(10);
    expect(events).toEqual(['deferred@10']);
  });
});
