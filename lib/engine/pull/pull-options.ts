import { InvalidOptionError, PullGroupMissingError } from '../../errors/index.js';
import { refuseUnknown } from '../../errors/known-options.js';
import type { PollOptions, PullConsumerOptions } from '../types/index.js';
import type { StartRule } from './pull-room.js';

/** `DefaultLitePullConsumer.consumeTimestamp`. */
const DEFAULT_TIMESTAMP_AGE_MS = 30 * 60 * 1000;
/** `autoCommitIntervalMillis`. */
const DEFAULT_AUTO_COMMIT_INTERVAL_MS = 5000;
/** `pullBatchSize`, and the most that RocketMQ's clients take for it. */
const DEFAULT_PULL_BATCH_SIZE = 10;
const MAX_PULL_BATCH_SIZE = 1024;
/** `pollTimeoutMillis`. */
const DEFAULT_POLL_TIMEOUT_MS = 5000;
const MAX_POLL_COUNT = 10_000;
const POLL_OPTIONS: readonly string[] = ['maxCount', 'timeoutMs'];

/** Options with their values. */
export interface ResolvedPullOptions {
  readonly group: string;
  readonly start: StartRule;
  readonly autoCommit: boolean;
  readonly autoCommitIntervalMs: number;
  readonly pullBatchSize: number;
}

/**
 * Checks options and fills in defaults. They may come from plain JavaScript, where no compiler has looked.
 *
 * @throws PullGroupMissingError, InvalidOptionError, and what `checkGroupName` throws
 */
export function resolvePullOptions(
  options: PullConsumerOptions | undefined,
  nowMs: number,
  checkGroupName: (group: string) => void,
): ResolvedPullOptions {
  const group: unknown = options?.group;
  if (options === undefined || group === undefined || group === null || group === '') {
    throw new PullGroupMissingError({ group });
  }
  checkGroupName(options.group);
  const { autoCommit = true } = options;
  if (typeof autoCommit !== 'boolean') {
    throw new InvalidOptionError({ option: 'autoCommit', value: autoCommit, expected: 'true or false' });
  }
  return Object.freeze({
    group: options.group,
    start: Object.freeze({
      messageModel: oneOf('messageModel', options.messageModel, ['CLUSTERING', 'BROADCASTING']),
      consumeFromWhere: oneOf('consumeFromWhere', options.consumeFromWhere, [
        'CONSUME_FROM_LAST_OFFSET',
        'CONSUME_FROM_FIRST_OFFSET',
        'CONSUME_FROM_TIMESTAMP',
      ]),
      consumeTimestampMs: integer(
        'consumeTimestampMs',
        options.consumeTimestampMs ?? Math.max(nowMs - DEFAULT_TIMESTAMP_AGE_MS, 0),
        0,
      ),
    }),
    autoCommit,
    autoCommitIntervalMs: integer(
      'autoCommitIntervalMs',
      options.autoCommitIntervalMs ?? DEFAULT_AUTO_COMMIT_INTERVAL_MS,
      1,
    ),
    pullBatchSize: integer('pullBatchSize', options.pullBatchSize ?? DEFAULT_PULL_BATCH_SIZE, 1, MAX_PULL_BATCH_SIZE),
  });
}

/**
 * A number alone, RocketMQ's `poll(timeout)`, and a name that does not exist would have no effect, so they are refused.
 *
 * @throws InvalidOptionError, UnknownOptionError
 */
export function resolvePoll(options: PollOptions, pullBatchSize: number): Required<Record<keyof PollOptions, number>> {
  if (typeof options !== 'object' || (options as object | null) === null) {
    throw new InvalidOptionError({
      option: 'options of poll',
      value: options,
      expected: 'an object, such as { timeoutMs }',
    });
  }
  refuseUnknown('The options object of poll', options, POLL_OPTIONS);
  return {
    maxCount: integer('maxCount of poll', options.maxCount ?? pullBatchSize, 1, MAX_POLL_COUNT),
    timeoutMs: integer('timeoutMs of poll', options.timeoutMs ?? DEFAULT_POLL_TIMEOUT_MS, 0),
  };
}

/** @throws InvalidOptionError */
export function integer(option: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new InvalidOptionError({ option, value, expected: `an integer ${range}` });
}

/** The first of the names is the default. */
function oneOf<const Name extends string>(
  option: string,
  value: Name | undefined,
  names: readonly [Name, ...Name[]],
): Name {
  if (value === undefined) return names[0];
  if (names.includes(value)) return value;
  throw new InvalidOptionError({ option, value, expected: names.map((name) => `"${name}"`).join(' or ') });
}
