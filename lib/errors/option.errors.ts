import { describe } from './describe.js';
import { defineError } from './rocket-error.js';

export class InvalidOptionError extends defineError<{ option: string; value: unknown; expected: string }>({
  code: 'INVALID_OPTION',
  meaning: 'An option of the module or of the broker has a value that can not be used.',
  remedy: 'Correct the option, or leave it out to use its default.',
  message: ({ option, value, expected }) => `Option ${option} is ${describe(value)}, but must be ${expected}.`,
}) {}

export class UnknownOptionError extends defineError<{
  owner: string;
  option: string;
  nearest: string | undefined;
  known: readonly string[];
}>({
  code: 'UNKNOWN_OPTION',
  meaning: 'An option is given that does not exist. It would have no effect.',
  remedy: 'Correct its name, or leave it out.',
  message: ({ owner, option, nearest, known }) =>
    `${owner} has no option ${option}. ${nearest === undefined ? `It knows ${known.join(', ')}.` : `Did you mean ${nearest}?`}`,
}) {}

export class UnsupportedByEngineError extends defineError<{ feature: string }>({
  code: 'UNSUPPORTED_BY_ENGINE',
  meaning: 'The engine in use can not do what was asked.',
  remedy: 'Leave the feature out, or use an engine that has it.',
  message: ({ feature }) => `This engine does not support ${feature}.`,
}) {}

export class MetricLabelsTakenError extends defineError<{ labels: Readonly<Record<string, string>> }>({
  code: 'METRIC_LABELS_TAKEN',
  meaning: 'Two engines are to be seen in one registry of prom-client, and nothing tells their values apart.',
  remedy: 'Give each the option labels, such as { node_id: "broker-a" }, or a registry of its own.',
  message: ({ labels }) =>
    `The registry has the metrics of an engine with the labels ${JSON.stringify(labels)} already.`,
}) {}
