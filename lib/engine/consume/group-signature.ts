import { GroupConflictError } from '../../errors/index.js';
import type { MessageSelector } from '../types/index.js';
import type { ResolvedConsumerSpec } from './resolved-spec.js';

/**
 * What all members of a group must agree on. In RocketMQ members that do not agree overwrite each other's subscriptions and lose messages, and nobody is
 * told; here the second one is refused.
 */
export interface GroupSignature {
  readonly group: string;
  readonly messageModel: string;
  /** Topic → how it is consumed, in words. */
  readonly subscriptions: ReadonlyMap<string, string>;
}

export function signatureOf(spec: ResolvedConsumerSpec): GroupSignature {
  const subscriptions = spec.subscriptions.map(({ topic, selector, consumeMode }): [string, string] => [
    topic,
    `${consumeMode} by ${describeSelector(selector)}`,
  ]);
  return { group: spec.group, messageModel: spec.messageModel, subscriptions: new Map(subscriptions) };
}

/** What differs between a group and one that would join it; undefined when nothing does. */
export function conflictBetween(present: GroupSignature, joining: GroupSignature): GroupConflictError | undefined {
  const { group } = present;
  for (const [topic, consumed] of joining.subscriptions) {
    const there = present.subscriptions.get(topic);
    if (present.messageModel !== joining.messageModel) {
      return new GroupConflictError({ group, topic, difference: between(present.messageModel, joining.messageModel) });
    }
    if (there === undefined) return notByAll(group, topic);
    if (there !== consumed) return new GroupConflictError({ group, topic, difference: between(there, consumed) });
  }
  const missing = [...present.subscriptions.keys()].find((topic) => !joining.subscriptions.has(topic));
  return missing === undefined ? undefined : notByAll(group, missing);
}

function between(present: string, joining: string): string {
  return `${present} and ${joining}`;
}

function notByAll(group: string, topic: string): GroupConflictError {
  return new GroupConflictError({ group, topic, difference: 'one member subscribes to it and another does not' });
}

/** The order of tags, and the blanks around them, make no difference. */
function describeSelector({ type, expression }: MessageSelector): string {
  if (type !== 'TAG') return `${type} "${expression}"`;
  const tags = expression.split('||').map((tag) => tag.trim());
  const names = tags.filter((tag) => tag !== '');
  return `TAG "${[...new Set(names)].toSorted().join(' || ') || '*'}"`;
}
