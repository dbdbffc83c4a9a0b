import fc from 'fast-check';

import { MemoryFileSystem } from '../../../lib/engine/io/index.js';
import { FILLER_ENTRY_SIZE } from '../../../lib/engine/store/consume-queue-format.js';
import { ConsumeQueueSet } from '../../../lib/engine/store/consume-queue-set.js';
import type { ConsumeQueue } from '../../../lib/engine/store/consume-queue.js';
import { FilePool } from '../../../lib/engine/store/file-pool.js';
import { RingBudget } from '../../../lib/engine/store/ring-budget.js';
import type { QueueEntry } from '../../../lib/engine/types/index.js';

const QUEUES = 5;
const BUDGET_ENTRIES = 96;

type Step =
  | { readonly kind: 'add'; readonly queue: number; readonly count: number }
  /** Numbers are left out, as after a repair. */
  | { readonly kind: 'hole'; readonly queue: number; readonly count: number }
  | { readonly kind: 'flush'; readonly queue: number; readonly addedMeanwhile: number }
  | { readonly kind: 'flush all' }
  | { readonly kind: 'read'; readonly queue: number; readonly back: number; readonly count: number }
  | { readonly kind: 'remove'; readonly queue: number };

const queue = fc.nat({ max: QUEUES - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), queue, count: fc.nat({ max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hole' as const), queue, count: fc.nat({ max: 20 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('flush' as const), queue, addedMeanwhile: fc.nat({ max: 40 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush all' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      queue,
      back: fc.nat({ max: 120 }),
      count: fc.integer({ min: 1, max: 60 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), queue }) },
);

/** Queues that share a budget, and what each of them must hold. */
class Queues {
  readonly budget: RingBudget;
  readonly #set: ConsumeQueueSet;
  readonly #lists = new Map<number, QueueEntry[]>();
  #nextPhysicalOffset = 0;

  constructor(budget: RingBudget, entriesPerFile: number) {
    this.budget = budget;
    const fileSystem = new MemoryFileSystem();
    this.#set = new ConsumeQueueSet('/queues', entriesPerFile, fileSystem, new FilePool(fileSystem, 4), budget);
  }

  listOf(number: number): QueueEntry[] {
    let list = this.#lists.get(number);
    if (list === undefined) this.#lists.set(number, (list = []));
    return list;
  }

  queueOf(number: number): ConsumeQueue {
    return this.#set.getOrCreate(`topic-${number}`, 0);
  }

  add(number: number, count: number): void {
    const list = this.listOf(number);
    const target = this.queueOf(number);
    for (let i = 0; i < count; i++) {
      const entry = this.#nextEntry(list.length);
      list.push(entry);
      target.add(entry.queueOffset, entry.physicalOffset, entry.sizeBytes, entry.tagsCode);
    }
  }

  leaveOut(number: number, count: number): void {
    const list = this.listOf(number);
    // What an empty queue lacks are no messages in between.
    if (list.length === 0) return;
    const { physicalOffset } = this.#nextEntry(list.length + count);
    const filler = { physicalOffset, sizeBytes: FILLER_ENTRY_SIZE, tagsCode: 0 };
    for (let i = 0; i < count; i++) list.push({ queueOffset: list.length, ...filler });
    list.push({ queueOffset: list.length, physicalOffset, sizeBytes: 91, tagsCode: -1 });
    this.queueOf(number).add(list.length - 1, physicalOffset, 91, -1);
  }

  flushAll(): Promise<void> {
    return this.#set.flush();
  }

  async remove(number: number): Promise<void> {
    this.#lists.delete(number);
    await this.#set.remove(`topic-${number}`);
  }

  /** Reads as consumers do: again and again from where the last read ended. */
  async check(number: number, from: number, count: number): Promise<void> {
    const wanted = this.listOf(number).slice(from, from + count);
    const target = this.queueOf(number);
    expect(target.maxIndex).toBe(this.listOf(number).length);
    for (let at = from; at < from + wanted.length;) {
      const { queueOffset, ...numbers } = wanted[at - from]!;
      // In memory perhaps, and then from the disk if need be.
      for (const source of [target.entriesFrom(at), (await target.load(at)) ? target.entriesFrom(at) : undefined]) {
        if (source === undefined) continue;
        const held = { physicalOffset: source.physicalOffset(at), sizeBytes: source.sizeBytes(at) };
        expect({ ...held, tagsCode: source.tagsCode(at) }).toEqual(numbers);
      }
      expect(target.entriesFrom(at)).toBeDefined();
      const found = await target.entries(queueOffset, from + wanted.length - at);
      expect(found.length).toBeGreaterThan(0);
      expect(found).toEqual(wanted.slice(at - from, at - from + found.length));
      at += found.length;
    }
  }

  async checkAll(): Promise<void> {
    for (const number of this.#lists.keys()) await this.check(number, 0, Infinity);
  }

  /** More than the budget only for what is not on the disk, and for rings of the smallest size. */
  checkBudget(maxEntries: number): void {
    const forced = [...this.#lists.keys()].map((number) => Math.max(16, 2 * this.queueOf(number).unwrittenCount));
    expect(this.budget.entries).toBeLessThanOrEqual(2 * maxEntries + forced.reduce((sum, entries) => sum + entries, 0));
  }

  #nextEntry(queueOffset: number): QueueEntry {
    const physicalOffset = (this.#nextPhysicalOffset += 100);
    // Hashes of either sign, and times of delivery, which have more than 32 bits.
    const tagsCode = [0, 1_900_000_000_000 + queueOffset, -2_147_483_648, 2_147_483_647][queueOffset % 4]!;
    return { queueOffset, physicalOffset, sizeBytes: 91 + (queueOffset % 50), tagsCode };
  }
}

async function run(queues: Queues, steps: readonly Step[]): Promise<void> {
  for (const each of steps) {
    if (each.kind === 'add') queues.add(each.queue, each.count);
    else if (each.kind === 'hole') queues.leaveOut(each.queue, each.count);
    else if (each.kind === 'flush all') await queues.flushAll();
    else if (each.kind === 'remove') await queues.remove(each.queue);
    else if (each.kind === 'flush') {
      const flushing = queues.queueOf(each.queue).flush();
      queues.add(each.queue, each.addedMeanwhile);
      // Another one takes room from it.
      queues.add((each.queue + 1) % QUEUES, each.addedMeanwhile);
      await flushing;
    } else await queues.check(each.queue, Math.max(0, queues.listOf(each.queue).length - each.back), each.count);
    if (each.kind === 'flush all') expect(queues.budget.entries).toBeLessThanOrEqual(BUDGET_ENTRIES);
    queues.checkBudget(BUDGET_ENTRIES);
  }
  await queues.checkAll();
}

describe('The entries of all queues in memory', () => {
  it('are those that were added, whatever the others take, whatever was written when', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) =>
        run(new Queues(new RingBudget(BUDGET_ENTRIES), 16), steps),
      ),
      { numRuns: 300 },
    );
  });

  it('take no more with thousands of queues than with a few, and every message is found', async () => {
    const budget = new RingBudget(20_000);
    const queues = new Queues(budget, 1000);
    const held: number[] = [];
    for (let round = 0; round < 6; round++) {
      for (let number = 0; number < 3000; number++) queues.add(number, 10);
      // All that was added since the last one must be held up to here.
      await queues.flushAll();
      held.push(budget.entries);
    }
    expect(held.filter((entries) => entries > 20_000)).toEqual([]);
    for (let number = 0; number < 3000; number += 7) await queues.check(number, 0, Infinity);
    expect(budget.entries).toBeLessThanOrEqual(20_000);
  });

  it('take no more than the budget while all queues are busy', async () => {
    const budget = new RingBudget(20_000);
    const queues = new Queues(budget, 1000);
    let most = 0;
    for (let round = 0; round < 20; round++) {
      for (let number = 0; number < 300; number++) queues.add(number, 10);
      most = Math.max(most, budget.entries);
      await queues.flushAll();
    }
    expect(most).toBeLessThanOrEqual(20_000);
    await queues.checkAll();
  });

  it('stay where they are read, and go where nobody was for long', async () => {
    const budget = new RingBudget(1024);
    const queues = new Queues(budget, 1000);
    for (let number = 0; number < 8; number++) queues.add(number, 128);
    await queues.flushAll();
    for (let round = 0; round < 100; round++) {
      queues.add(8, 20);
      queues.add(9, 1);
      await queues.flushAll();
    }
    expect(queues.queueOf(0).entriesFrom(0)).toBeUndefined();
    expect(queues.queueOf(8).entriesFrom(2000 - 256)).toBeDefined();
    expect(queues.queueOf(9).entriesFrom(90)).toBeDefined();
    await queues.checkAll();
  });

  it('of one queue leave room for those that come later', async () => {
    const budget = new RingBudget(1024);
    const queues = new Queues(budget, 10_000);
    queues.add(0, 5000);
    await queues.flushAll();
    for (let round = 0; round < 50; round++) {
      for (let number = 0; number < 4; number++) queues.add(number, 20);
      await queues.flushAll();
    }
    for (let number = 0; number < 4; number++) {
      expect(queues.queueOf(number).entriesFrom(queues.listOf(number).length - 128)).toBeDefined();
    }
    expect(budget.entries).toBeLessThanOrEqual(1024);
    await queues.checkAll();
  });

  it('are given back with a topic that is removed', async () => {
    const budget = new RingBudget(1024);
    const queues = new Queues(budget, 1000);
    for (let number = 0; number < 20; number++) queues.add(number, 200);
    for (let number = 0; number < 20; number++) await queues.remove(number);
    expect(budget.entries).toBe(0);
  });
});
