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
  ])('gives the app a turn of the event loop every 4 ms (%s, concurrency %i)', async (_, concurrency, answer) => {
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
    // Two slices may meet in one turn when the watcher comes between them.
    expect(Math.max(...handledInTurn.values())).toBeLessThanOrEqual(16);
    await harness.close();
  });
});
