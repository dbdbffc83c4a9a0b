import { ManualClock } from '../../../lib/engine/io/index.js';
import { ConsumeHarness, numbered, Witness } from './consume-harness.js';

/** A clock on which only handlers take time. */
class WorkClock extends ManualClock {
  workedMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.workedMs;
  }
}

describe('a backlog that is being handled', () => {
  it.each([
    ['synchronous', 1, (): undefined => undefined],
    ['asynchronous', 1, (): Promise<void> => Promise.resolve()],
    ['asynchronous', 20, (): Promise<void> => Promise.resolve()],
  ])('gives the app a turn of the event loop again and again (%s, concurrency %i)', async (_, concurrency, answer) => {
    const clock = new WorkClock();
    const harness = await ConsumeHarness.open({ clock });
    await harness.createTopic('orders', 4);
    for (const queueId of [0, 1, 2, 3]) await harness.send('orders', numbered('m', 250), { queueId });
    let turn = 0;
    let isWatching = true;
    const watch = (): void => {
      turn++;
      if (isWatching) setImmediate(watch);
    };
    watch();
    const handledInTurn = new Map<number, number>();
    const witness = new Witness(() => {
      clock.workedMs += 0.5;
      handledInTurn.set(turn, (handledInTurn.get(turn) ?? 0) + 1);
      return answer();
    });
    await harness.subscribe('shop', { handler: witness.handler, concurrency });
    await harness.settle();
    isWatching = false;
    expect(witness.seen).toHaveLength(1000);
    // Slices of 1 ms. Two may meet in one turn when the watcher comes between them.
    expect(Math.max(...handledInTurn.values())).toBeLessThanOrEqual(4);
    await harness.close();
  });

  it.each([
    ['as long', 3, 6],
    ['at most 8 ms', 100, 16],
  ])('keeps the event loop %s where the turns of the app take %i ms', async (_, appMs, handlersInTurn) => {
    const clock = new WorkClock();
    const harness = await ConsumeHarness.open({ clock });
    await harness.createTopic('orders', 1);
    await harness.send('orders', numbered('m', 500));
    let isWorking = true;
    let handled = 0;
    const ofTurns: number[] = [];
    const work = (): void => {
      clock.workedMs += appMs;
      ofTurns.push(handled);
      handled = 0;
      if (isWorking) setImmediate(work);
    };
    const witness = new Witness(() => {
      clock.workedMs += 0.5;
      handled++;
    });
    await harness.subscribe('shop', { handler: witness.handler });
    work();
    await harness.settle();
    isWorking = false;
    expect(witness.seen).toHaveLength(500);
    const most = Math.max(...ofTurns);
    // A slice ends after the step that it is over with.
    expect(most).toBeGreaterThanOrEqual(handlersInTurn - 1);
    expect(most).toBeLessThanOrEqual(handlersInTurn + 1);
    await harness.close();
  });
});
