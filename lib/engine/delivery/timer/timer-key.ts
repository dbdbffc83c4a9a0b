const BITS_16 = 0xffff;
const TWO_32 = 4_294_967_296;

/** What tells messages apart to RocketMQ's recall (`TimerMessageStore.buildDeleteKey`). */
export function deleteKeyOf(realTopic: string, uniqKey: string): string {
  return `${realTopic}+${uniqKey}`;
}

/**
 * 48 bits of a delete key, kept with the timer, so that a recalled message is found without reading every message of its slot. Two mixed 32-bit
 * lanes (the cyrb53 construction). Equal hashes only make a candidate: keys themselves are compared before anything is decided.
 */
export function keyHash48(key: string): number {
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    low = Math.imul(low ^ unit, 2_654_435_761);
    high = Math.imul(high ^ unit, 1_597_334_677);
  }
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  return (high & BITS_16) * TWO_32 + (low >>> 0);
}
