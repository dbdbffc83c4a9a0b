import type { DeclaredListenerOptions, MessageListenerOptions } from '../decorators/message-listener.decorator.js';
import { ListenerConfigError, ListenerOptionError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import { fillPlaceholders, type ConfigReader } from '../rocket.config.js';
import { topicRule } from '../rocket.names.js';

/** A class is a function as well; it is what it is. */
const NEVER_READ = 'payloadType';

/**
 * What a decorator says, as plain options: functions are asked with the configuration, names of its values (`${name}`) are replaced, and each topic of a list is a listener.
 *
 * @param listener how errors name it
 * @throws ListenerConfigError, ListenerOptionError
 */
export function readDeclaration(
  listener: string,
  declared: DeclaredListenerOptions,
  config: () => ConfigReader,
): readonly MessageListenerOptions[] {
  const read: Record<string, unknown> = {};
  for (const [option, value] of Object.entries(declared)) {
    read[option] = option === NEVER_READ ? value : readOption(listener, option, value, config);
  }
  const { topic } = read;
  // Whatever else it may be, the rules of options see to it.
  if (!Array.isArray(topic)) return [read as unknown as MessageListenerOptions];
  if (topic.length === 0 || new Set(topic).size < topic.length) {
    const expected = `${topicRule.expected}; or a list of different ones, with at least one`;
    throw new ListenerOptionError({ listener, option: 'topic', value: topic, expected });
  }
  return topic.map((one: unknown) => {
    const { id } = read;
    const ownId = typeof id === 'string' && topic.length > 1 ? `${id}:${String(one)}` : id;
    return { ...read, id: ownId, topic: one } as unknown as MessageListenerOptions;
  });
}

function readOption(listener: string, option: string, value: unknown, config: () => ConfigReader): unknown {
  try {
    if (typeof value === 'function') return (value as (config: ConfigReader) => unknown)(config());
    if (Array.isArray(value)) return value.map((each: unknown) => withoutPlaceholders(each, config));
    return withoutPlaceholders(value, config);
  } catch (error) {
    throw new ListenerConfigError({ listener, option, reason: messageOf(error) }, error);
  }
}

function withoutPlaceholders(value: unknown, config: () => ConfigReader): unknown {
  return typeof value === 'string' ? fillPlaceholders(value, config) : value;
}
