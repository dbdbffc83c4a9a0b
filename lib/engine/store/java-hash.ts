/**
 * Java's `String.hashCode`: s[0]·31^(n−1) + … + s[n−1] over UTF-16 units, wrapped to a signed 32-bit integer. RocketMQ stores it as the
 * tags code of a consume queue entry and as the key hash of the index, so it is part of the format on disk.
 */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index += 1) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  }
  return hash;
}
