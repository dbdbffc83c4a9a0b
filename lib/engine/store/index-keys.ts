import { SysFlag } from '../types/index.js';
import { extendJavaHash, extendJavaHashUtf8, javaStringHash } from './java-hash.js';

/** Topics come from outside, so what is remembered of them is bounded. */
const MAX_CACHED_TOPICS = 4096;
const TOPIC_KEY_SEPARATOR = '#'.charCodeAt(0);
/** What separates keys in the KEYS property (`MessageConst.KEY_SEPARATOR`). */
const KEY_SEPARATOR = ' '.charCodeAt(0);

/**
 * Hashes of `topic#key`, computed without putting that text together: every message passes here. A Java hash goes on where it was left, so the
 * part of the topic is computed once.
 */
export class IndexKeys {
  readonly #topicHashes = new Map<string, number>();

  /** Hash that the key index files the key of a topic under (`IndexFile.indexKeyHashMethod`). */
  hash(topic: string, key: string): number {
    return this.hashPart(topic, key, 0, key.length);
  }

  /** The same for the part of `keys` from `start` to `end`. */
  hashPart(topic: string, keys: string, start: number, end: number): number {
    return withoutSign(extendJavaHash(this.#topicHash(topic), keys, start, end));
  }

  #topicHash(topic: string): number {
    const known = this.#topicHashes.get(topic);
    if (known !== undefined) return known;
    if (this.#topicHashes.size >= MAX_CACHED_TOPICS) this.#topicHashes.clear();
    const hash = indexTopicHash(javaStringHash(topic));
    this.#topicHashes.set(topic, hash);
    return hash;
  }
}

/** Rolled-back transaction records are found by no key (`IndexService.buildIndex`). */
export function isIndexed(sysFlag: number): boolean {
  return (sysFlag & SysFlag.TRANSACTION_TYPE) !== SysFlag.TRANSACTION_ROLLBACK;
}

/** Where the key that begins at `start` ends: at the next blank, or at the end of the text. */
export function keyEnd(keys: string, start: number): number {
  let end = start;
  while (end < keys.length && keys.charCodeAt(end) !== KEY_SEPARATOR) end++;
  return end;
}

/** What the hash of each key of a topic begins with. @param topicHash Java's hash of its name */
export function indexTopicHash(topicHash: number): number {
  return (Math.imul(topicHash, 31) + TOPIC_KEY_SEPARATOR) | 0;
}

/** The same as {@link IndexKeys.hashPart} for a key in UTF-8. @param topicHash see {@link indexTopicHash} */
export function hashKeyUtf8(topicHash: number, bytes: Buffer, start: number, end: number): number {
  return withoutSign(extendJavaHashUtf8(topicHash, bytes, start, end));
}

/** Where the key that begins at `start` ends: at the next blank, or at `end`. */
export function keyEndUtf8(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== KEY_SEPARATOR) at++;
  return at;
}

function withoutSign(javaHash: number): number {
  const hash = Math.abs(javaHash);
  // The one integer whose absolute value is no Java integer.
  return hash > 0x7fffffff ? 0 : hash;
}
