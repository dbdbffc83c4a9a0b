import fc from 'fast-check';

import { Fifo } from '../../../lib/engine/consume/fifo.js';
import { OffsetWindow } from '../../../lib/engine/consume/offset-window.js';
import type { StoredRecord } from '../../../lib/engine/types/index.js';

const recordAt = (queueOffset: number, storeSize: number): StoredRecord => ({ queueOffset, storeSize }) as StoredRecord;

describe('the window of a queue', () => {
  it('commits the lowest offset that is not done, whatever the order in which messages end', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('fetch' as const),
        gap: fc.nat({ max: 4 }),
        sizeBytes: fc.integer({ min: 91, max: 5000 }),
      }),
      fc.record({ kind: fc.constant('finish' as const), which: fc.nat() }),
      fc.record({ kind: fc.constant('skip' as const), gap: fc.nat({ max: 4 }) }),
    );
    fc.assert(
      fc.property(fc.nat({ max: 1000 }), fc.array(step, { maxLength: 400 }), (start, steps) => {
        const window = new OffsetWindow(start);
        // The model: every message that is not done, by number.
        const open = new Map<number, StoredRecord>();
        for (const one of steps) {
          if (one.kind === 'fetch') {
            const record = recordAt(window.nextOffset + one.gap, one.sizeBytes);
            open.set(window.push(record), record);
            window.nextOffset = record.queueOffset + 1;
          } else if (one.kind === 'skip') {
            window.nextOffset += one.gap;
          } else if (open.size > 0) {
            const number = [...open.keys()][one.which % open.size]!;
            expect(window.recordAt(number)).toBe(open.get(number));
            expect(window.finish(number)).toBe(open.get(number)!.storeSize);
            open.delete(number);
          }
          const records = [...open.values()];
          const lowest = Math.min(...records.map(({ queueOffset }) => queueOffset), window.nextOffset);
          expect(window.commitOffset).toBe(lowest);
          expect(window.held).toBe(open.size);
          expect(window.heldBytes).toBe(records.reduce((sum, { storeSize }) => sum + storeSize, 0));
        }
      }),
    );
  });

  it('spans from the lowest message that is not done to the newest', () => {
    const window = new OffsetWindow(0);
    const numbers = [0, 1, 2].map((offset) => window.push(recordAt(offset, 100)));
    window.nextOffset = 3;
    window.finish(numbers[1]!);
    window.finish(numbers[2]!);
    expect(window.span).toBe(3);
    window.finish(numbers[0]!);
    expect(window.span).toBe(0);
    expect(window.commitOffset).toBe(3);
  });
});

describe('a fifo', () => {
  it('behaves as an array does', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constantFrom('push' as const, 'pushFront' as const, 'remove' as const),
        item: fc.nat({ max: 50 }),
      }),
      fc.record({ kind: fc.constant('shift' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const fifo = new Fifo<number>();
        let model: number[] = [];
        for (const one of steps) {
          if (one.kind === 'shift') {
            expect(fifo.shift()).toBe(model.shift());
            continue;
          }
          fifo[one.kind](one.item);
          if (one.kind === 'push') model.push(one.item);
          else if (one.kind === 'pushFront') model.unshift(one.item);
          else model = model.filter((item) => item !== one.item);
          expect(fifo.size).toBe(model.length);
        }
        expect(Array.from({ length: fifo.size }, () => fifo.shift())).toEqual(model);
      }),
    );
  });
});
