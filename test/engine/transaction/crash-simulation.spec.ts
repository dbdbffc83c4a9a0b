import fc from 'fast-check';

import { TransactionHarness } from './transaction-harness.js';

/** What the local transaction of each message came to: by its number. */
const outcomeOf = (id: string): 'COMMIT' | 'ROLLBACK' => (Number(id.slice(1)) % 3 === 0 ? 'ROLLBACK' : 'COMMIT');

type Step =
  | { readonly kind: 'prepare' | 'crash' | 'restart' }
  | { readonly kind: 'end'; readonly which: number; readonly known: boolean }
  | { readonly kind: 'turns'; readonly count: number }
  | { readonly kind: 'pass'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'prepare' as const }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat(), known: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 40_000 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
);

/** Runs a producer that crashes at any moment and whose checker does not always know the answer. */
class Simulation {
  harness!: TransactionHarness;
  crashes = 0;
  /** Whose half message was on disk before a crash. */
  readonly acknowledged = new Set<string>();
  /** Prepared by the present process and not ended by it. */
  open: string[] = [];
  /** Of a process that was killed nobody hears any more. */
  #lives = 0;
  #asked = 0;
  #nextId = 0;

  async start(): Promise<void> {
    this.#use(await TransactionHarness.open());
  }

  async run(next: Step): Promise<void> {
    switch (next.kind) {
      case 'prepare':
        void this.#prepare();
        break;
      case 'end':
        this.#end(next.which, next.known);
        break;
      case 'turns':
        for (let turn = 0; turn < next.count; turn++) await new Promise((resolve) => setImmediate(resolve));
        break;
      case 'pass':
        await this.harness.advance(next.ms);
        break;
      case 'crash': {
        this.#lives += 1;
        this.crashes += 1;
        const dead = this.harness;
        this.#use(await dead.crashed());
        await dead.close();
        break;
      }
      case 'restart':
        this.#use(await this.harness.restart());
        break;
    }
  }

  #use(harness: TransactionHarness): void {
    this.harness = harness;
    this.open = [];
    harness.answer((half) => {
      this.#asked += 1;
      if (this.#asked % 5 === 0) throw new Error('the database is away');
      return this.#asked % 3 === 0 ? 'UNKNOWN' : outcomeOf(half.msgId);
    });
  }

  async #prepare(): Promise<void> {
    const id = `T${this.#nextId++}`;
    const life = this.#lives;
    await this.harness.prepare(id);
    if (life !== this.#lives) return;
    this.acknowledged.add(id);
    this.open.push(id);
  }

  #end(which: number, known: boolean): void {
    const [id] = this.open.splice(which % Math.max(this.open.length, 1), 1);
    if (id !== undefined) void this.harness.service.end(id, known ? outcomeOf(id) : 'UNKNOWN');
  }
}

describe('transactions of a process that is killed again and again', () => {
  it('come to what the local transaction came to: each commit is seen, no rollback is', async () => {
    expect.hasAssertions();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80 }), async (steps) => {
        const simulation = new Simulation();
        await simulation.start();
        for (const next of steps) await simulation.run(next);

        const { harness, open, acknowledged } = simulation;
        // Longer than all check-backs of one transaction, and than the slowest checker.
        await harness.advance(600_000);
        expect(harness.pendingIds().toSorted()).toEqual(open.toSorted());
        for (const id of open) await harness.service.end(id, outcomeOf(id));
        expect(harness.pendingIds()).toEqual([]);

        const seen = await harness.visible();
        const committed = [...acknowledged].filter((id) => outcomeOf(id) === 'COMMIT');
        expect(seen).toEqual(expect.arrayContaining(committed));
        expect(seen.filter((id) => outcomeOf(id) === 'ROLLBACK')).toEqual([]);
        const repeats = seen.length - new Set(seen).size;
        expect(repeats).toBeLessThanOrEqual(simulation.crashes * acknowledged.size);
        await harness.close();
      }),
      { numRuns: 40 },
    );
  });
});
