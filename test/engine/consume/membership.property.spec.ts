import fc from 'fast-check';
import type { ConsumeMode } from '../../../lib/engine/types/index.js';
import { byQueue, QUEUES, simulate, type Step } from './membership-simulation.js';

const pick = fc.nat({ max: 100 });
const calmStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      queueId: fc.nat({ max: QUEUES - 1 }),
      count: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('join' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const), pick }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('end' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fail' as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(10, 1000, 5000) }),
  },
);
const roughStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: calmStep },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave at once' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
);
const movedStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 16, arbitrary: roughStep },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('move' as const), queueId: fc.nat({ max: QUEUES - 1 }), pick }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('retries' as const), isRefused: fc.boolean() }) },
);

describe.each<[ConsumeMode, string, number]>([
  ['CONCURRENTLY', 'one by one', 1],
  ['ORDERLY', 'one by one', 1],
  ['CONCURRENTLY', 'in batches', 3],
  ['ORDERLY', 'in batches', 3],
])('while members join and leave (%s, %s)', (mode, _, batchSize) => {
  it('every message is handled once, and none is lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(calmStep, { minLength: 5, maxLength: 60 }), async (steps) => {
        const { sent, succeeded, succeededInOrder } = await simulate({ mode, batchSize, maxReconsumeTimes: -1 }, steps);
        expect([...succeeded.keys()].toSorted()).toEqual(sent.toSorted());
        expect([...succeeded.values()].every((times) => times === 1)).toBe(true);
        if (mode === 'ORDERLY') expect(byQueue(succeededInOrder)).toEqual(byQueue(sent));
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it('and handlers are given up, and the process is killed, none is lost, and only what was under way or not yet committed is repeated', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(roughStep, { minLength: 5, maxLength: 60 }), async (steps) => {
        const { sent, succeeded } = await simulate({ mode, batchSize, maxReconsumeTimes: -1 }, steps);
        expect([...succeeded.keys()].toSorted()).toEqual(sent.toSorted());
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it('and the group is moved, all that lies behind its last place comes from there on, and none beside one that is running in order', async () => {
    // In order there are dead letters, too: the queue may be moved while one of them is on its way.
    const maxReconsumeTimes = mode === 'ORDERLY' ? 1 : -1;
    await fc.assert(
      fc.asyncProperty(fc.array(movedStep, { minLength: 20, maxLength: 80 }), async (steps) => {
        expect((await simulate({ mode, batchSize, maxReconsumeTimes }, steps)).owed()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
