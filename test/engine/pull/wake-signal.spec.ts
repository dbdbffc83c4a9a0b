import { ManualClock } from '../../../lib/engine/io/index.js';
import { WakeSignal } from '../../../lib/engine/pull/wake-signal.js';
import { Watched } from './pull-harness.js';

const clock = new ManualClock();

describe('a wait for a wake', () => {
  it('ends at the wake, or when its time is over', async () => {
    const signal = new WakeSignal(clock);
    const woken = new Watched(signal.wait(signal.version, 1000));
    signal.wake();
    await clock.advance(0);
    expect(woken.state).toBe('resolved');
    const timed = new Watched(signal.wait(signal.version, 1000));
    await clock.advance(999);
    expect(timed.state).toBe('pending');
    await clock.advance(1);
    expect(timed.state).toBe('resolved');
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not begin when the wake came between the look and the wait', async () => {
    const signal = new WakeSignal(clock);
    const { version } = signal;
    signal.wake();
    const waited = new Watched(signal.wait(version, 1000));
    await clock.advance(0);
    expect(waited.state).toBe('resolved');
  });
});
