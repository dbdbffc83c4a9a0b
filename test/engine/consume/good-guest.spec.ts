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
    ['for a millisecond', 0.4, 2, 'synchronous', (): undefined => undefined],
    ['for a millisecond', 0.4, 2, 'asynchronous', (): Promise<void> => Promise.resolve()],
    ['half as long', 6, 6, 'synchronous', (): undefined => undefined],
    ['half as long', 6, 6, 'asynchronous', (): Promise<void> => Promise.resolve()],
    ['for 8 ms', 100, 16, 'synchronous', (): undefined => undefined],
  ])('keeps the event loop %s where the turns of the app take %d ms', async (_, appMs, handlersInTurn, __, answer) => {
    const clock = new WorkClock();
    const harness = await ConsumeHarness.open({ clock });
    await harness.createTopic('orders', 1);
    await harness.send('orders', numbered('m', 1500));
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
      return answer();
    });
    await harness.subscribe('shop', { handler: witness.handler, concurrency: 20 });
    work();
    await harness.settle();
    isWorking = false;
    expect(witness.seen).toHaveLength(1500);
    // A slice ends with the step that it is over after. The average takes some turns to get there, and the last turn has what is left.
    const settled = ofTurns.slice(Math.floor(ofTurns.length / 2), -2);
    expect(Math.max(...settled)).toBeLessThanOrEqual(handlersInTurn + 2);
    expect(Math.max(...settled)).toBeGreaterThanOrEqual(handlersInTurn - 1);
    await harness.close();
  });
});
