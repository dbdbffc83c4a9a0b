import { describe } from '../errors/describe.js';
import { PatternIllegalError } from '../errors/index.js';

/** A pattern as an object; the same as the text `topic` or `topic:tag`. */
export interface RocketPattern {
  readonly topic: string;
  readonly tag?: string | undefined;
}

/**
 * The destination that a pattern of `@EventPattern`, `@MessagePattern`, `emit` or `send` means: `topic` or `topic:tag`.
 *
 * @throws PatternIllegalError
 */
export function destinationOf(pattern: unknown): string {
  const parts: unknown = typeof pattern === 'string' ? splitDestination(pattern) : pattern;
  if (isRocketPattern(parts)) return parts.tag === undefined ? parts.topic : `${parts.topic}:${parts.tag}`;
  throw new PatternIllegalError({ pattern: textOf(pattern) });
}

/** What a destination is made of. */
export function splitDestination(destination: string): RocketPattern {
  const colon = destination.indexOf(':');
  return colon < 0 ? { topic: destination } : { topic: destination.slice(0, colon), tag: destination.slice(colon + 1) };
}

function isRocketPattern(pattern: unknown): pattern is RocketPattern {
  if (typeof pattern !== 'object' || pattern === null) return false;
  const { topic, tag, ...others } = pattern as Partial<Record<string, unknown>>;
  const isTopic = typeof topic === 'string' && topic !== '' && !topic.includes(':');
  return Object.keys(others).length === 0 && isTopic && (tag === undefined || isTag(tag));
}

/** Of a message: what selects every tag, or several, is none, and neither are spaces around it, which a selector leaves out. */
function isTag(tag: unknown): boolean {
  return typeof tag === 'string' && tag !== '' && tag !== '*' && !tag.includes('|') && tag === tag.trim();
}

function textOf(pattern: unknown): string {
  try {
    return JSON.stringify(pattern) ?? describe(pattern);
  } catch {
    return describe(pattern);
  }
}
