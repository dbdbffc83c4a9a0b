import fc from 'fast-check';

import { BinaryHeap } from '../../../lib/engine/transaction/binary-heap.js';
import { HalfProgress, type ExpectedHalf } from '../../../lib/engine/transaction/half-progress.js';
import { MemoryOffsetTable } from './memory-offset-table.js';

const HALF = 'RMQ_SYS_TRANS_HALF_TOPIC';
const OP = 'RMQ_SYS_TRANS_OP_HALF_TOPIC';
const GROUP = 'CID_RMQ_SYS_TRANS';

describe('the heap', () => {
  it('gives back its items smallest first, whatever was taken out in between', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer() }),
      fc.constant('pop' as const),
      fc.record({ reset: fc.array(fc.integer(), { maxLength: 20 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new BinaryHeap<number>((a, b) => a - b);
        let model: number[] = [];
        const popped: (number | undefined)[] = [];
        const expected: (number | undefined)[] = [];
        for (const next of steps) {
          if (next === 'pop') {
            popped.push(heap.pop());
            expected.push(model.shift());
          } else if ('push' in next) {
            heap.push(next.push);
            model = [...model, next.push].toSorted((a, b) => a - b);
          } else {
            heap.reset(next.reset);
            model = next.reset.toSorted((a, b) => a - b);
          }
          expect(heap.peek()).toBe(model[0]);
          expect(heap.size).toBe(model.length);
        }
        expect(popped).toEqual(expected);
      }),
    );
  });
});

describe('the offsets that a restart reads from', () => {
  /** Appends, failed appends and decisions in any order; decisions in op messages of any size. */
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('begin' as const) }),
      fc.record({ kind: fc.constant('store' as const), which: fc.nat() }),
      fc.record({ kind: fc.constant('fail' as const), which: fc.nat() }),
      fc.record({ kind: fc.constant('decide' as const), which: fc.array(fc.nat(), { maxLength: 4 }) }),
    ),
    { maxLength: 300 },
  );

  it('never pass a half message without a decision, nor an op message that a restart needs', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const table = new MemoryOffsetTable();
        const progress = new HalfProgress(table);
        progress.startAt(0, 0);
        // Offsets are given in the order of the calls; which append ends first is open.
        const underWay: { readonly expected: ExpectedHalf; readonly offset: number }[] = [];
        let nextHalf = 0;
        let end = 0;
        const open = new Set<number>();
        const ops: number[][] = [];
        for (const step of sequence) {
          if (step.kind === 'begin') underWay.push({ expected: progress.expect(), offset: nextHalf++ });
          else if (step.kind === 'decide') {
            const all = [...open];
            const decided = [...new Set(step.which.map((i) => all[i % all.length]))].filter((o) => o !== undefined);
            for (const offset of decided) open.delete(offset);
            progress.decided(ops.length, decided);
            ops.push(decided);
          } else {
            const [ended] = underWay.splice(step.which % Math.max(underWay.length, 1), 1);
            if (ended === undefined) continue;
            if (step.kind === 'fail') progress.abandoned(ended.expected);
            else {
              progress.opened(ended.offset, ended.expected);
              open.add(ended.offset);
              end = Math.max(end, ended.offset + 1);
            }
          }
          const halfOffset = table.get(HALF, GROUP, 0) ?? 0;
          const opOffset = table.get(OP, GROUP, 0) ?? 0;
          expect(halfOffset).toBeLessThanOrEqual(Math.min(...open, ...underWay.map((u) => u.offset), end));
          for (const decided of ops.slice(0, opOffset)) {
            for (const offset of decided) expect(offset).toBeLessThan(halfOffset);
          }
        }
        // When all is decided, nothing is left to read.
        for (const { expected } of underWay) progress.abandoned(expected);
        progress.decided(ops.length, [...open]);
        expect(table.get(HALF, GROUP, 0) ?? 0).toBe(end);
        expect(table.get(OP, GROUP, 0)).toBe(ops.length + 1);
      }),
    );
  });

  it('stay bounded in memory behind a half message that nobody decides, and catch up after it', () => {
    const table = new MemoryOffsetTable();
    const progress = new HalfProgress(table);
    progress.startAt(0, 0);
    for (let offset = 0; offset < 20_000; offset++) {
      progress.opened(offset, progress.expect());
      if (offset > 0) progress.decided(offset - 1, [offset]);
    }
    expect(table.get(HALF, GROUP, 0)).toBeUndefined();
    expect(table.get(OP, GROUP, 0)).toBeUndefined();
    progress.decided(19_999, [0]);
    expect(table.get(HALF, GROUP, 0)).toBe(20_000);
    expect(table.get(OP, GROUP, 0)).toBe(20_000);
  });

  it('keep an early op message of a late half message, however many op messages follow', () => {
    const table = new MemoryOffsetTable();
    const progress = new HalfProgress(table);
    progress.startAt(0, 0);
    for (let offset = 0; offset <= 5000; offset++) progress.opened(offset);
    progress.decided(0, [5000]);
    for (let offset = 0; offset < 4999; offset++) progress.decided(offset + 1, [offset]);
    // 4999 is undecided, so a restart reads from there, and would ask about 5000 if it did not see the first op message.
    expect(table.get(HALF, GROUP, 0)).toBe(4999);
    expect(table.get(OP, GROUP, 0)).toBeUndefined();
  });
});
