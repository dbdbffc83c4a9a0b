import { TopicLifeSimulation } from './topic-life-simulation.js';

/** For one story alone, or for many more. */
const { TOPIC_LIFE_SEED = '0', TOPIC_LIFE_STORIES = 'TOPIC_LIFE_SEED' in process.env ? '1' : '60' } = process.env;
const SEEDS = Array.from({ length: Number(TOPIC_LIFE_STORIES) }, (_, index) => Number(TOPIC_LIFE_SEED) + index);
const FILE = 'test/engine/store/topic-life.property.spec.ts';

describe('a store whose topics are made, deleted and made again, on a disk that fails and loses what it may lose,', () => {
  it.each(SEEDS)('keeps its promises in the story of seed %i', async (seed) => {
    const end = await TopicLifeSimulation.run(seed).then(
      () => 'kept',
      (error: Error) => `${error.message}\nThis story alone: TOPIC_LIFE_SEED=${seed} npm run jest -- ${FILE}`,
    );
    expect(end).toBe('kept');
  });
});
