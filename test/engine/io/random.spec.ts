import { SeededRandom } from '../../../lib/engine/io/seeded-random.js';
import { SystemRandom } from '../../../lib/engine/io/system-random.js';
import { xoshiro128 } from '../../../lib/engine/io/xoshiro128.js';
import type { Random } from '../../../lib/engine/types/random.js';

const take = (random: Random, count: number, bound: number): number[] =>
  Array.from({ length: count }, () => random.nextInt(bound));

it('xoshiro128** gives the numbers of its reference implementation', () => {
  const next = xoshiro128([1, 2, 3, 4]);
  expect(Array.from({ length: 10 }, next)).toEqual([
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
  ]);
});

describe('SeededRandom', () => {
  it('gives the same numbers for the same seed', () => {
    expect(take(new SeededRandom(42), 1000, 1_000_000)).toEqual(take(new SeededRandom(42), 1000, 1_000_000));
  });

  it('gives these numbers for seed 1, in this and every later version', () => {
    expect(take(new SeededRandom(1), 5, 1000)).toEqual([479, 164, 984, 639, 446]);
  });

  it.each([
    [0, 1],
    [1, 2],
    [1, -1],
    [1, 1.5],
    [1, 2 ** 32 + 1],
    [Date.UTC(2024, 0, 1), Date.UTC(2024, 0, 1) + 1],
  ])('gives other numbers for seed %d than for %d', (one, other) => {
    const same = take(new SeededRandom(one), 1000, 1000).filter(
      (value, index, all) => value === take(new SeededRandom(other), all.length, 1000)[index],
    );
    // One in a thousand is the same by chance.
    expect(same.length).toBeLessThan(20);
  });

  it.each([Number.NaN, Infinity])('refuses the seed %d', (seed) => {
    expect(() => new SeededRandom(seed)).toThrow(RangeError);
  });
});

describe.each([
  ['SeededRandom', (): Random => new SeededRandom(7)],
  ['SystemRandom', (): Random => new SystemRandom()],
])('%s', (_name, create) => {
  it.each([1, 2, 10, 2 ** 31, 2 ** 32])('gives integers from 0 to below the bound %d', (bound) => {
    const values = take(create(), 1000, bound);
    expect(values.filter((value) => !Number.isInteger(value) || value < 0 || value >= bound)).toEqual([]);
  });

  it('gives each value about as often', () => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (const value of take(create(), 100_000, 10)) counts[value] = (counts[value] ?? 0) + 1;
    // Ten standard deviations (95 each) from the mean: chance does not get there.
    expect(Math.min(...counts)).toBeGreaterThan(9_050);
    expect(Math.max(...counts)).toBeLessThan(10_950);
  });

  it('does not prefer small values when the bound does not divide 2^32', () => {
    const bound = 3 * 2 ** 30;
    const low = take(create(), 30_000, bound).filter((value) => value < bound / 3).length;
    // A third. Plain modulo would give a half: 15,000.
    expect(low).toBeGreaterThan(9_000);
    expect(low).toBeLessThan(11_000);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 32 + 1])('refuses the bound %d', (bound) => {
    expect(() => create().nextInt(bound)).toThrow('must be a positive 32-bit integer');
  });
});
