import { formatProperties, MAX_PROPERTIES_BYTES, parseProperties } from '../store/index.js';
import { Property } from '../types/index.js';

/** What a dead letter can't be without: who it is, and where it came from. All of it is short. */
const NEEDED: ReadonlySet<string> = new Set([
  Property.UNIQ_KEY,
  Property.RETRY_TOPIC,
  Property.ORIGIN_MESSAGE_ID,
  Property.WAIT,
  Property.DELAY,
]);

export interface FittedProperties {
  readonly text: string;
  /** Names of the properties that are not in it. */
  readonly leftOut: readonly string[];
}

/**
 * Brings properties that are over the limit of a record under it, by leaving out the longest ones. A dead letter must always be stored, or the message would be handled again
 * and again.
 */
export function fittedProperties(text: string): FittedProperties {
  const leftOut: string[] = [];
  if (Buffer.byteLength(text) <= MAX_PROPERTIES_BYTES) return { text, leftOut };
  const properties = parseProperties(text);
  const byLength = Object.keys(properties)
    .filter((name) => !NEEDED.has(name))
    .toSorted((a, b) => properties[b]!.length - properties[a]!.length);
  let fitted = text;
  for (const name of byLength) {
    delete properties[name];
    leftOut.push(name);
    fitted = formatProperties(properties);
    if (Buffer.byteLength(fitted) <= MAX_PROPERTIES_BYTES) break;
  }
  return { text: fitted, leftOut };
}
