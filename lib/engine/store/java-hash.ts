/**
 * Java's `String.hashCode`: s[0]·31^(n−1) + … + s[n−1] over UTF-16 units, wrapped to a signed 32-bit integer. RocketMQ stores it as the
 * tags code of a consume queue entry and as the key hash of the index, so it is part of the format on disk.
 */
export function javaStringHash(text: string): number {
  return extendJavaHash(0, text, 0, text.length);
}

/** The hash of a text that goes on with a part of `text`, begun with the hash of what stands before. */
export function extendJavaHash(hashBefore: number, text: string, start: number, end: number): number {
  let hash = hashBefore;
  for (let index = start; index < end; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  return hash;
}

/** The same of a text that stands in `bytes` in UTF-8. Where it is ASCII, as nearly always, no text is made of it. */
export function extendJavaHashUtf8(hashBefore: number, bytes: Buffer, start: number, end: number): number {
  let hash = hashBefore;
  for (let index = start; index < end; index++) {
    const byte = bytes[index]!;
    if (byte > 0x7f) {
      const text = bytes.toString('utf8', start, end);
      return extendJavaHash(hashBefore, text, 0, text.length);
    }
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  return hash;
}
