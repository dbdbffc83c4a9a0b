import { DEFAULT_STEPS, replayCommand } from './command-line.js';
import { Simulation } from './simulation.js';

/** Each seed tells the same story every time; fresh ones are for `npm run simulate`. */
const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

describe('the broker on a faulty disk, killed again and again,', () => {
  it.each(SEEDS)('keeps its promises in the story of seed %i', async (seed) => {
    const end = await Simulation.run({ seed, steps: DEFAULT_STEPS }).then(
      () => 'kept',
      (error: unknown) => `${String(error)}\nStep by step: ${replayCommand(seed, DEFAULT_STEPS)}`,
    );
    expect(end).toBe('kept');
  });
});
