import fc from 'fast-check';

import { allocateAveragely } from '../../../lib/engine/consume/allocation.js';

/** `AllocateMessageQueueAveragely.allocate`, as upstream writes it: the queues of one member. */
function upstream(queueCount: number, memberCount: number, index: number): readonly number[] {
  const mod = queueCount % memberCount;
  const hasOneMore = mod > 0 && index < mod;
  const averageSize =
    queueCount <= memberCount
      ? 1
      : hasOneMore
        ? Math.floor(queueCount / memberCount) + 1
        : Math.floor(queueCount / memberCount);
  const startIndex = hasOneMore ? index * averageSize : index * averageSize + mod;
  const range = Math.min(averageSize, queueCount - startIndex);
  return Array.from({ length: Math.max(range, 0) }, (_, i) => (startIndex + i) % queueCount);
}

const sharing = fc.record({ queues: fc.integer({ min: 0, max: 300 }), members: fc.integer({ min: 1, max: 60 }) });

describe('the averaging rule', () => {
  it('shares 10 queues among 4 members as 3, 3, 2, 2 neighbours', () => {
    expect(allocateAveragely(10, 4)).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 3, 3]);
  });

  it('leaves members beyond the number of queues without one', () => {
    expect(allocateAveragely(2, 5)).toEqual([0, 1]);
  });

  it('gives nothing to nobody', () => {
    expect(allocateAveragely(4, 0)).toEqual([]);
    expect(allocateAveragely(0, 4)).toEqual([]);
  });

  it('gives every queue to one member, and members differ by one queue at most', () => {
    fc.assert(
      fc.property(sharing, ({ queues, members }) => {
        const owners = allocateAveragely(queues, members);
        expect(owners).toHaveLength(queues);
        const shares = Array.from(
          { length: members },
          (_, member) => owners.filter((owner) => owner === member).length,
        );
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        expect(owners).toEqual(owners.toSorted((a, b) => a - b));
      }),
    );
  });

  it('agrees with RocketMQ for every member', () => {
    fc.assert(
      fc.property(sharing, ({ queues, members }) => {
        const owners = allocateAveragely(queues, members);
        for (let member = 0; member < members; member++) {
          const own = owners.flatMap((owner, queueId) => (owner === member ? [queueId] : []));
          expect(own).toEqual(upstream(queues, members, member));
        }
      }),
    );
  });
});
