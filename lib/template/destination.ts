import { MessageIllegalError } from '../errors/index.js';

/** Where a message goes. */
export interface Destination {
  readonly topic: string;
  readonly tags: string | undefined;
}

/**
 * Reads `topic` or `topic:tag`. The first colon separates, so a tag may contain colons, as with rocketmq-spring.
 *
 * @throws MessageIllegalError when there is no topic, or a colon without a tag
 */
export function parseDestination(destination: string): Destination {
  if (typeof destination !== 'string') throw refused(destination, 'it must be a string: topic, or topic:tag');
  const colon = destination.indexOf(':');
  const topic = colon === -1 ? destination : destination.slice(0, colon);
  if (topic === '') throw refused(destination, 'the topic is missing');
  if (colon === -1) return { topic, tags: undefined };
  const tags = destination.slice(colon + 1);
  if (tags.trim() === '') throw refused(destination, 'the tag after the colon is missing');
  return { topic, tags };
}

function refused(destination: unknown, reason: string): MessageIllegalError {
  return new MessageIllegalError({ field: 'the destination', value: destination, reason });
}
