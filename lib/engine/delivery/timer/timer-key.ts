/** What tells messages apart to RocketMQ's recall (`TimerMessageStore.buildDeleteKey`). */
export function deleteKeyOf(realTopic: string, uniqKey: string): string {
  return `${realTopic}+${uniqKey}`;
}

/**
 * 32 bits of a delete key, kept with the timer, so that a recalled message is found without reading every message of its slot. Equal hashes only make a
 * candidate: keys themselves are compared before anything is decided. FNV-1a, mixed at the end, because ids of one sender differ in few characters.
 */
export function keyHash(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
