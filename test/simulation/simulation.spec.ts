import { replayCommand } from './command-line.js';
import { Simulation } from './simulation.js';

/** Each seed tells the same story every time; fresh and longer ones are for `npm run simulate`. */
const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);
const STEPS = 50;

describe('the broker on a faulty disk, killed again and again,', () => {
  it.each(SEEDS)('keeps its promises in the story of seed %i', async (seed) => {
    const end = await Simulation.run({ seed, steps: STEPS }).then(
      () => 'kept',
      (error: unknown) => `${String(error)}\nStep by step: ${replayCommand(seed, STEPS)}`,
    );
    expect(end).toBe('kept');
  });
});
