import fc from 'fast-check';

import { DelayLevelService, toScheduled } from '../../../lib/engine/delivery/index.js';
import { bodiesOf, draftOf, StoreHarness } from './store-harness.js';

type Step =
  | { readonly kind: 'send'; readonly level: number }
  | { readonly kind: 'turns'; readonly count: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'crash' | 'restart' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), level: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 20_000 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
);

class Simulation {
  harness!: StoreHarness;
  service!: DelayLevelService;
  crashes = 0;
  /** Sent, and on disk before a crash. */
  readonly acknowledged = new Set<string>();
  /** Of a process that was killed nobody hears any more. */
  #lives = 0;
  #sent = 0;

  async use(harness: StoreHarness): Promise<void> {
    this.harness = harness;
    this.service = new DelayLevelService(harness.context, harness.levels);
    await this.service.start();
  }

  async run(next: Step): Promise<void> {
    switch (next.kind) {
      case 'send':
        void this.#send(next.level);
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
        const { harness, service } = this;
        await this.use(await harness.crashed());
        await service.close();
        await harness.close();
        break;
      }
      case 'restart':
        await this.service.close();
        await this.harness.close();
        await this.use(await this.harness.reopened());
        break;
    }
  }

  async #send(level: number): Promise<void> {
    const body = `${this.#sent++}`;
    const life = this.#lives;
    const draft = { ...draftOf('orders', body), bornTimestampMs: this.harness.clock.now() };
    await this.harness.context.store.append(toScheduled(draft, level));
    if (life === this.#lives) this.acknowledged.add(body);
  }
}

describe('delayed messages of a process that is killed again and again', () => {
  it('all arrive, none before its time', async () => {
    expect.hasAssertions();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80 }), async (steps) => {
        const simulation = new Simulation();
        await simulation.use(await StoreHarness.open());
        for (const next of steps) await simulation.run(next);

        const { harness, service, acknowledged } = simulation;
        await harness.advance(120_000);
        const delivered = await harness.read('orders');
        const bodies = bodiesOf(delivered);
        expect(bodies).toEqual(expect.arrayContaining([...acknowledged]));
        const repeats = bodies.length - new Set(bodies).size;
        expect(repeats).toBeLessThanOrEqual(simulation.crashes * acknowledged.size);
        for (const message of delivered) {
          const delayMs = harness.levels.delayMs(Number(message.properties['DELAY']));
          expect(message.storeTimestamp - message.bornTimestamp).toBeGreaterThanOrEqual(delayMs);
        }
        await service.close();
        await harness.close();
      }),
      { numRuns: 40 },
    );
  });
});
