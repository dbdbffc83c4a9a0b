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
  if (typeof pattern === 'string' && /^[^:]+(:.+)?$/.test(pattern)) return pattern;
  if (isRocketPattern(pattern)) return pattern.tag === undefined ? pattern.topic : `${pattern.topic}:${pattern.tag}`;
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
  const isName = (value: unknown): boolean => typeof value === 'string' && value !== '';
  return Object.keys(others).length === 0 && isName(topic) && (tag === undefined || isName(tag));
}

function textOf(pattern: unknown): string {
  try {
    return JSON.stringify(pattern) ?? describe(pattern);
  } catch {
    return describe(pattern);
  }
}
