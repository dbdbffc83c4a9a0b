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
    const hash = Math.abs(extend(this.#topicHash(topic), keys, start, end));
    // The one integer whose absolute value is no Java integer.
    return hash > 0x7fffffff ? 0 : hash;
  }

  #topicHash(topic: string): number {
    const known = this.#topicHashes.get(topic);
    if (known !== undefined) return known;
    if (this.#topicHashes.size >= MAX_CACHED_TOPICS) this.#topicHashes.clear();
    const hash = (Math.imul(extend(0, topic, 0, topic.length), 31) + TOPIC_KEY_SEPARATOR) | 0;
    this.#topicHashes.set(topic, hash);
    return hash;
  }
}

/** Where the key that begins at `start` ends: at the next blank, or at the end of the text. */
export function keyEnd(keys: string, start: number): number {
  let end = start;
  while (end < keys.length && keys.charCodeAt(end) !== KEY_SEPARATOR) end++;
  return end;
}

/** Java's `String.hashCode`, begun with the hash of the text before. */
function extend(hashBefore: number, text: string, start: number, end: number): number {
  let hash = hashBefore;
  for (let index = start; index < end; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  return hash;
}
