import { TestTargetError } from '../errors/index.js';
import { ListenerMetadataAccessor, readDeclaration } from '../listener/index.js';
import type { ConfigReader } from '../rocket.config.js';
import type { Attempt } from './attempt-log.js';

/** A class with `@MessageListener`. */
export type ListenerClass = abstract new (...args: never[]) => object;

/** What a test asks about: all that a listener is given, all messages of a topic, or one message, such as a `SendResult` names it. */
export type Target = ListenerClass | string | { readonly msgId: string };

export interface ResolvedTarget {
  /** For people. */
  readonly name: string;
  readonly matches: (attempt: Attempt) => boolean;
}

/**
 * @param config of the app, which declarations of listeners may name values of
 * @throws TestTargetError
 */
export function resolveTarget(target: Target, config: () => ConfigReader): ResolvedTarget {
  if (typeof target === 'string' && target !== '') {
    return { name: `topic "${target}"`, matches: ({ topic }) => topic === target };
  }
  if (typeof target === 'function') return listener(target, config);
  if (typeof target === 'object' && target !== null && typeof target.msgId === 'string') {
    const { msgId } = target;
    return { name: `message ${msgId}`, matches: ({ message }) => message.msgId === msgId };
  }
  throw new TestTargetError({ target });
}

/** A listener is known by its groups and topics: each pair of them has one listener in an app. */
function listener(type: ListenerClass, config: () => ConfigReader): ResolvedTarget {
  const declarations = new ListenerMetadataAccessor().declarationsOf(type);
  if (declarations.length === 0) throw new TestTargetError({ target: type });
  const declared = declarations.flatMap(({ options }) => readDeclaration(type.name, options, config));
  return {
    name: type.name,
    matches: ({ topic, consumerGroup }) =>
      declared.some((options) => options.consumerGroup === consumerGroup && options.topic === topic),
  };
}
