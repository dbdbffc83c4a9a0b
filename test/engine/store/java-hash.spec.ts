import fc from 'fast-check';
import { javaStringHash } from '../../../lib/engine/store/java-hash.js';

describe("Java's String.hashCode", () => {
  // Computed by a Java virtual machine.
  it.each([
    ['', 0],
    ['a', 97],
    ['TagA', 2598919],
    ['TagB', 2598920],
    ['TAG1', 2567159],
    ['Aa', 2112],
    ['BB', 2112],
    ['中文', 646394],
    ['polygenelubricants', -2147483648],
    ['TopicTest#K1', 2745032],
    // The key index takes the sign away: 10606476.
    ['AaTopic#Aa', -10606476],
    ['BBTopic#BB', -10606476],
  ])('of %j is %d', (text, hash) => {
    expect(javaStringHash(text)).toBe(hash);
  });

  it('is the polynomial of the UTF-16 units, cut to 32 bits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const units = Array.from({ length: text.length }, (_, index) => BigInt(text.charCodeAt(index)));
        const polynomial = units.reduce((sum, unit) => sum * 31n + unit, 0n);
        expect(javaStringHash(text)).toBe(Number(BigInt.asIntN(32, polynomial)));
      }),
    );
  });
});
