import { describe } from './describe.js';
import { defineError } from './rocket-error.js';

export class BatchResultError extends defineError<{ returned: unknown; batchLength: number; reason: string }>({
  code: 'BATCH_RESULT',
  meaning: 'The handler of a batch has answered something about its messages that can not be. All of them are retried.',
  remedy: 'Return nothing, or how many of the messages are done, counted from the first.',
  message: ({ returned, batchLength, reason }) =>
    `The handler of a batch of ${batchLength} answered ${describe(returned)}: ${reason}.`,
}) {}

export class ConsumeTimeoutError extends defineError<{
  topic: string;
  messageIds: readonly string[];
  timeoutMs: number;
}>({
  code: 'CONSUME_TIMEOUT',
  meaning: 'A handler ran longer than its listener allows. It is given up, and its messages are retried.',
  remedy: 'Bound what the handler waits for, or raise consumeTimeoutMs.',
  message: ({ topic, timeoutMs }) => `A handler of topic "${topic}" has not ended within ${timeoutMs} ms.`,
}) {}

export class GroupConflictError extends defineError<{ group: string; topic: string; difference: string }>({
  code: 'GROUP_CONFLICT',
  meaning: 'Members of one consumer group must have the same subscriptions.',
  remedy: 'Give the listeners the same selector, mode and model, or groups of their own.',
  message: ({ group, topic, difference }) =>
    `Consumer group "${group}" would consume topic "${topic}" in two ways: ${difference}.`,
}) {}

export class GroupUseConflictError extends defineError<{
  group: string;
  asked: 'listener' | 'pull consumer';
  present: 'listener' | 'pull consumer';
}>({
  code: 'GROUP_USE_CONFLICT',
  meaning:
    'A consumer group can not be used by listeners and by pull consumers at once: they would share its offsets and lose messages.',
  remedy: 'Give one of them a group of its own, or close the other first.',
  message: ({ group, asked, present }) =>
    `A ${asked} can not join consumer group "${group}": a ${present} uses it already.`,
}) {}

export class ListenerConflictError extends defineError<{
  group: string;
  topics: readonly string[];
  first: string;
  second: string;
  difference: string;
}>({
  code: 'LISTENER_CONFLICT',
  meaning: 'Two listeners of one app can not both belong to the same consumer group. The app does not start.',
  remedy: 'Give one of them a consumerGroup of its own.',
  message: ({ group, topics, first, second, difference }) =>
    `${first} and ${second} both belong to consumer group "${group}" (topic ${topics.join(', ')}), but ${difference}.`,
}) {}

export class ListenerIdTakenError extends defineError<{ id: string; first: string; second: string }>({
  code: 'LISTENER_ID_TAKEN',
  meaning: 'Two listeners of one app have the same id.',
  remedy: 'Give one of them an id of its own.',
  message: ({ id, first, second }) => `${first} and ${second} both have the id "${id}".`,
}) {}

export class ListenerInvalidError extends defineError<{ listener: string; reason: string }>({
  code: 'LISTENER_INVALID',
  meaning: 'A class or method is decorated as a listener but can not be one. The app does not start.',
  remedy: 'Correct the class, or take the decorator away.',
  message: ({ listener, reason }) => `${listener} can not be a listener: ${reason}.`,
}) {}

export class ListenerOptionError extends defineError<{
  listener: string;
  option: string;
  value: unknown;
  expected: string;
}>({
  code: 'LISTENER_OPTION',
  meaning:
    'An option of a listener has a value that can not be used. With a decorated listener, the app does not start.',
  remedy: 'Correct the option.',
  message: ({ listener, option, value, expected }) =>
    `Option ${option} of ${listener} is ${describe(value)}, but must be ${expected}.`,
}) {}

export class ListenerRefusedError extends defineError<{
  listeners: readonly string[];
  group: string;
  reason: string;
}>({
  code: 'LISTENER_REFUSED',
  meaning:
    "The engine refuses an app's membership in a consumer group; the cause says why. With a decorated listener, the app does not start.",
  remedy: 'The error is the cause of this one.',
  message: ({ listeners, group, reason }) =>
    `${listeners.join(' and ')} can not join consumer group "${group}": ${reason}`,
}) {}

export class ListenersEndedError extends defineError<{ listener: string }>({
  code: 'LISTENERS_ENDED',
  meaning: 'A listener can not be added any more: the app shuts down, or did not start.',
  remedy: 'Subscribe before the shutdown begins.',
  message: ({ listener }) => `Listener "${listener}" can not be added: the listeners of the app are being closed.`,
}) {}

export class ListenerUnknownError extends defineError<{ listener: string; known: readonly string[] }>({
  code: 'LISTENER_UNKNOWN',
  meaning: 'The registry was asked for a listener that the app does not have.',
  remedy: 'Correct the id, or look at list(). Decorated listeners are there from onModuleInit on.',
  message: ({ listener, known }) =>
    `There is no listener ${describe(listener)}. The app has ${known.length === 0 ? 'none' : known.join(', ')}.`,
}) {}

export class NameIllegalError extends defineError<{ kind: string; name: unknown; reason: string }>({
  code: 'NAME_ILLEGAL',
  meaning: 'The name of a topic or group breaks the rules of RocketMQ.',
  remedy: 'Use letters, digits, "_", "-", "%" and "|".',
  message: ({ kind, name, reason }) => `The ${kind} ${describe(name)} is not allowed: ${reason}.`,
}) {}

export class RocketContextMissingError extends defineError<{ contextType: string }>({
  code: 'ROCKET_CONTEXT_MISSING',
  meaning:
    'A guard, interceptor, filter or parameter decorator asked for the context of a message where none is handled.',
  remedy: 'Ask isRocketContext first where it runs for requests as well.',
  message: ({ contextType }) => `There is no message here: the context is of type "${contextType}".`,
}) {}

export class ConsumingDisabledError extends defineError<{ listener: string }>({
  code: 'CONSUMING_DISABLED',
  meaning: 'A listener was to be added by code in an app that must not consume.',
  remedy: 'Add it only where consumer.enabled is true.',
  message: ({ listener }) => `Listener ${listener} can not be added: consumer.enabled is false.`,
}) {}

export class ListenerConfigError extends defineError<{ listener: string; option: string; reason: string }>({
  code: 'LISTENER_CONFIG',
  meaning:
    'A value of the configuration that an option of a listener names is missing, or the function that reads it throws. The app does not start.',
  remedy: 'Correct the name or the function in the decorator, or the configuration.',
  message: ({ listener, option, reason }) => `Option ${option} of ${listener} can not be read: ${reason}.`,
}) {}
