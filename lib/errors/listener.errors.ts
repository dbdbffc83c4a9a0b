import { describe } from './message.errors.js';
import { defineError } from './rocket-error.js';

export class GroupConflictError extends defineError<{ group: string; topic: string; difference: string }>({
  code: 'GROUP_CONFLICT',
  meaning: 'Members of one consumer group must have the same subscriptions.',
  remedy: 'Give the listeners the same selector, mode and model, or groups of their own.',
  message: ({ group, topic, difference }) =>
    `Consumer group "${group}" would consume topic "${topic}" in two ways: ${difference}.`,
}) {}

export class NameIllegalError extends defineError<{ kind: string; name: unknown; reason: string }>({
  code: 'NAME_ILLEGAL',
  meaning: 'The name of a topic or group breaks the rules of RocketMQ.',
  remedy: 'Use letters, digits, "_", "-", "%" and "|".',
  message: ({ kind, name, reason }) => `The ${kind} ${describe(name)} is not allowed: ${reason}.`,
}) {}
