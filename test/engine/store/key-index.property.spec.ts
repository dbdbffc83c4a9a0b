import assert from 'node:assert/strict';

import fc from 'fast-check';

import { FaultyFileSystem, ManualClock, SeededRandom } from '../../../lib/engine/io/index.js';
import { formatProperties } from '../../../lib/engine/store/index.js';
import type { FileSystem } from '../../../lib/engine/types/index.js';
import { openTestStore, testDraft, type TestStore } from '../../support/test-store.js';

/** `Aa` and `BB` have one hash, also behind a topic: what is found by the one must not be taken for the other. */
const TOPICS = ['orders', 'AaTopic', 'BBTopic'] as const;
const KEYS = ['k1', 'k2', 'Aa', 'BB', 'polygenelubricants', 'schlüssel'] as const;

interface Indexed {
  readonly topic: string;
  readonly uniqKey: string | undefined;
  /** As in KEYS, blanks and repetitions included. */
  readonly keys: string | undefined;
  readonly physicalOffset: number;
  readonly storeTimestampMs: number;
}

const keysText = fc
  .tuple(fc.array(fc.constantFrom(...KEYS, ''), { minLength: 1, maxLength: 4 }), fc.constantFrom('', 'extra'))
  .map(([words, last]) => [...words, last].join(' '))
  .filter((text) => text.trim() !== '');

type Step =
  | { readonly kind: 'append'; readonly topic: number; readonly uniqKey: boolean; readonly keys: string | undefined }
  | { readonly kind: 'burst'; readonly count: number }
  | { readonly kind: 'pass'; readonly ms: number }
  /** Messages come in while checkpoints are written, and perhaps a crash comes in between. */
  | { readonly kind: 'traffic'; readonly count: number; readonly crashAfterTurns: number | undefined }
  | { readonly kind: 'index fails'; readonly times: number }
  | {
      readonly kind: 'query';
      readonly topic: number;
      readonly key: number;
      readonly maxCount: number;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: 'restart' | 'kill' | 'power' | 'lose index' | 'lose last file' | 'switch off' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      topic: fc.nat({ max: TOPICS.length - 1 }),
      uniqKey: fc.boolean(),
      keys: fc.option(keysText, { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('burst' as const), count: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 7000 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('query' as const),
      topic: fc.nat({ max: TOPICS.length - 1 }),
      key: fc.nat({ max: KEYS.length }),
      maxCount: fc.integer({ min: 1, max: 8 }),
      from: fc.integer({ min: -2000, max: 40_000 }),
      to: fc.integer({ min: -2000, max: 90_000 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('traffic' as const),
      count: fc.integer({ min: 1, max: 30 }),
      crashAfterTurns: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('index fails' as const), times: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('power' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('lose index' as const, 'lose last file' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('switch off' as const) }) },
);

const steps = fc.array(step, { minLength: 10, maxLength: 60 });

/** Files that roll all the time and have long chains; and files of many pages, of which a power cut takes some and leaves others. */
const SIZES = [
  { maxHashSlotNum: 7, maxIndexNum: 40, crowd: 1 },
  { maxHashSlotNum: 5000, maxIndexNum: 1300, crowd: 12 },
] as const;

/** A store and, beside it, the plain list of what was put into it. */
class Run {
  readonly #clock = new ManualClock();
  readonly #random: SeededRandom;
  #records: Indexed[] = [];
  readonly #startMs = this.#clock.now();
  #disk: FaultyFileSystem;
  #store!: TestStore;

  readonly #sizes: (typeof SIZES)[number];

  constructor(seed: number, sizes: (typeof SIZES)[number]) {
    this.#sizes = sizes;
    this.#random = new SeededRandom(seed);
    this.#disk = new FaultyFileSystem({ random: this.#random, clock: this.#clock });
  }

  async open(messageIndexEnable = true): Promise<void> {
    // Calls that take their time let what is sent meanwhile come between the steps of a checkpoint.
    this.#disk.setFaults({ maxLatencyTurns: 3 });
    this.#store = await openTestStore({
      path: '/store',
      fileSystem: this.#disk,
      clock: this.#clock,
      maxHashSlotNum: this.#sizes.maxHashSlotNum,
      maxIndexNum: this.#sizes.maxIndexNum,
      checkpointIntervalMs: 3000,
      messageIndexEnable,
    });
  }

  async run(next: Step): Promise<void> {
    switch (next.kind) {
      case 'append':
        return this.#append(TOPICS[next.topic]!, next.uniqKey, next.keys);
      case 'burst':
        await Promise.all(
          Array.from({ length: next.count * this.#sizes.crowd }, (_, i) => this.#append('orders', true, KEYS[i % 3])),
        );
        return undefined;
      case 'pass':
        return this.#pass(next.ms);
      case 'traffic':
        return this.#traffic(next.count, next.crashAfterTurns);
      case 'index fails':
        this.#disk.failNext({ code: 'EIO', operation: 'write', pathPart: '/index/', times: next.times });
        await this.#pass(3000);
        this.#disk.clearFaults();
        return undefined;
      case 'query':
        return this.#query(next);
      case 'restart':
        await this.#store.close();
        return this.open();
      case 'kill':
      case 'power':
        return this.#crash(next.kind === 'kill' ? 'process' : 'power');
      case 'lose index':
        await this.#store.close();
        await removeAll(this.#disk, '/store/index');
        return this.open();
      case 'lose last file': {
        await this.#store.close();
        const last = (await this.#disk.list('/store/index')).at(-1);
        if (last !== undefined) await this.#disk.remove(`/store/index/${last}`);
        return this.open();
      }
      case 'switch off':
        await this.#store.close();
        await this.open(false);
        await this.#append('orders', true, 'k1 k2');
        await this.#store.close();
        return this.open();
    }
  }

  /** Every key, over all time. */
  async queryAll(): Promise<void> {
    const every = Math.ceil(this.#records.length / 50);
    const uniqKeys = this.#records.flatMap(({ uniqKey }, i) => (i % every === 0 ? (uniqKey ?? []) : []));
    for (const topic of TOPICS) {
      for (const key of [...KEYS, 'extra', 'never', ...uniqKeys])
        await this.#expectFound(topic, key, 1000, 0, Infinity);
    }
  }

  /** The index as a clean close leaves it. */
  async closedIndex(): Promise<Buffer[]> {
    await this.#store.close();
    const names = await this.#disk.list('/store/index');
    return Promise.all(names.map(async (name) => (await this.#disk.readFile(`/store/index/${name}`))!));
  }

  async #append(topic: string, hasUniqKey: boolean, keys: string | undefined): Promise<void> {
    const uniqKey = hasUniqKey ? `U${this.#random.nextInt(1_000_000)}` : undefined;
    const properties = formatProperties({
      ...(uniqKey !== undefined && { UNIQ_KEY: uniqKey }),
      ...(keys !== undefined && { KEYS: keys }),
    });
    const stored = await this.#store.messages.append(testDraft('x'.repeat(50), { topic, uniqKey, keys, properties }));
    const { physicalOffset, storeTimestampMs } = stored;
    this.#records.push({ topic, uniqKey, keys, physicalOffset, storeTimestampMs });
  }

  async #crash(kind: 'process' | 'power'): Promise<void> {
    const dead = this.#store;
    const acknowledged = [...this.#records];
    const after = this.#disk.fork(this.#random);
    after.crash(kind);
    await dead.close();
    this.#disk = after;
    await this.open();
    this.#records = await this.#stored();
    const stored = new Map(this.#records.map((record) => [record.physicalOffset, record]));
    assert.deepEqual(
      acknowledged.map(({ physicalOffset }) => stored.get(physicalOffset)),
      acknowledged,
    );
  }

  #pass(ms: number): Promise<void> {
    return this.#clock.advance(ms, () => this.#store.activity.whenIdle());
  }

  async #traffic(count: number, crashAfterTurns: number | undefined): Promise<void> {
    const sent = (async () => {
      const crowd = Array.from({ length: this.#sizes.crowd }, (_, i) => KEYS[i % 4]);
      for (let i = 0; i < count; i++) await Promise.allSettled(crowd.map((key) => this.#append('orders', true, key)));
    })();
    // No settling: time goes on under the feet of what is being written.
    for (let turn = 0; turn < (crashAfterTurns ?? 60); turn++) await this.#clock.advance(turn % 8 === 0 ? 500 : 0);
    if (crashAfterTurns !== undefined) await this.#crash('power');
    await sent;
    await this.#pass(0);
    this.#records = await this.#stored();
  }

  /** What is in the log, in its order. */
  async #stored(): Promise<Indexed[]> {
    const found: Indexed[] = [];
    for (const topic of TOPICS) {
      const { minOffset, maxOffset } = this.#store.messages.queueRange(topic, 0);
      for (let offset = minOffset; offset < maxOffset;) {
        const batch = await this.#store.messages.pull({ topic, queueId: 0, offset, maxCount: 100, maxBytes: 1e6 });
        for (const { commitLogOffset, storeTimestamp, keys, properties } of batch.messages) {
          const uniqKey = properties['UNIQ_KEY'];
          found.push({ topic, uniqKey, keys, physicalOffset: commitLogOffset, storeTimestampMs: storeTimestamp });
        }
        offset = batch.nextOffset;
      }
    }
    return found.toSorted((a, b) => a.physicalOffset - b.physicalOffset);
  }

  async #query({ topic, key, maxCount, from, to }: Extract<Step, { kind: 'query' }>): Promise<void> {
    const name = KEYS[key] ?? this.#records.at(-1)?.uniqKey ?? 'never';
    await this.#expectFound(TOPICS[topic]!, name, maxCount, this.#startMs + from, this.#startMs + to);
  }

  async #expectFound(topic: string, key: string, maxCount: number, beginMs: number, endMs: number): Promise<void> {
    const isWanted = (record: Indexed): boolean =>
      record.topic === topic &&
      (record.uniqKey === key || (record.keys ?? '').split(' ').includes(key)) &&
      record.storeTimestampMs >= beginMs &&
      record.storeTimestampMs <= endMs;
    const wanted = this.#records
      .filter(isWanted)
      .map(({ physicalOffset }) => physicalOffset)
      .toSorted((a, b) => b - a)
      .slice(0, maxCount);
    const byOffset = new Map(this.#records.map((record) => [record.physicalOffset, record]));
    const found = await this.#store.keyIndex!.query({ topic, key, maxCount, beginMs, endMs }, (offset) => {
      const record = byOffset.get(offset);
      // What the index names is a record, also where it is not the one that was meant.
      assert(record !== undefined, `nothing lies at ${offset}`);
      return isWanted(record);
    });
    assert.deepEqual({ topic, key, found }, { topic, key, found: wanted });
  }
}

async function removeAll(fileSystem: FileSystem, directory: string): Promise<void> {
  for (const name of await fileSystem.list(directory)) await fileSystem.remove(`${directory}/${name}`);
  await fileSystem.remove(directory);
}

describe('the key index', () => {
  it('finds what was stored, and nothing else, through restarts, crashes, power cuts and lost files', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), fc.constantFrom(...SIZES), async (course, seed, sizes) => {
        const run = new Run(seed, sizes);
        await run.open();
        for (const next of course) await run.run(next);
        await run.queryAll();
        // Whatever happened, the files are those that the log gives.
        const grown = await run.closedIndex();
        await run.open();
        await run.run({ kind: 'lose index' });
        const remade = await run.closedIndex();
        expect(grown.map((bytes) => bytes.toString('hex'))).toEqual(remade.map((bytes) => bytes.toString('hex')));
      }),
      { numRuns: 50 },
    );
  }, 380_000);
});
