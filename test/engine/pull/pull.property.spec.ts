import fc from 'fast-check';

import { PullSimulation, SELECTED, type Step } from './pull-simulation.js';

const pick = fc.nat(11);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      queueId: fc.nat(4),
      tags: fc.array(fc.constantFrom(SELECTED, SELECTED, 'B'), { minLength: 1, maxLength: 12 }),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('poll' as const), pick, maxCount: fc.integer({ min: 1, max: 20 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('iterate' as const), pick, count: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('seek' as const), pick, queuePick: pick, offset: fc.nat(40) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('commit' as const, 'leave' as const), pick }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const), pick, queuePick: pick }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 7000 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('join', 'join', 'join', 'grow', 'restart', 'crash'),
    }) as fc.Arbitrary<{
      readonly kind: 'join' | 'grow' | 'restart' | 'crash';
    }>,
  },
);

const steps = fc.array(step, { minLength: 10, maxLength: 80 });

describe('pull consumers of one group, under random sends, polls, seeks, commits, joins, restarts and crashes', () => {
  it.each([true, false])(
    'give and commit what plain arrays say they must, with autoCommit %j',
    async (autoCommit) => {
      const property = fc.asyncProperty(steps, fc.constantFrom(1, 3, 10), async (chosen, pullBatchSize) => {
        const simulation = await PullSimulation.start(autoCommit, pullBatchSize);
        for (const next of chosen) await simulation.run(next);
        await simulation.finish();
      });
      await expect(fc.assert(property, { numRuns: 50 })).resolves.toBeUndefined();
    },
    120_000,
  );
});
