import type { DeclaredListenerOptions, MessageListenerOptions } from '../decorators/message-listener.decorator.js';
import { ListenerConfigError, ListenerOptionError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import type { ConfigReader } from '../rocket.config.js';
import { topicRule } from '../rocket.names.js';

/** A class is a function as well; it is what it is. */
const NEVER_READ = 'payloadType';

/**
 * What a decorator says, as plain options: functions are asked with the configuration, and each topic of a list is a listener.
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
    read[option] =
      typeof value === 'function' && option !== NEVER_READ ? ask(listener, option, value, config()) : value;
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

function ask(listener: string, option: string, value: unknown, config: ConfigReader): unknown {
  try {
    return (value as (config: ConfigReader) => unknown)(config);
  } catch (error) {
    throw new ListenerConfigError({ listener, option, reason: messageOf(error) }, error);
  }
}
