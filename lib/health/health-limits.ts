import type { EngineMetrics } from '../engine/index.js';
import { anObject, checkOptions, optionRefusal, type OptionRules } from '../rocket.option-rules.js';

/** When the broker counts as ill. */
export interface RocketHealthLimits {
  /**
   * Most messages that a consumer group may be behind, its retries included: one number for every group, or one for each group that is to be looked at.
   * Default: lag is not looked at.
   */
  readonly maxLagMessages?: number | Readonly<Record<string, number>> | undefined;
  /** How much of the store's disk may be used, 0 to 1. Default 0.95. */
  readonly maxDiskUsedRatio?: number | undefined;
}

/** What was found, as the health check shows it. */
export interface RocketHealth {
  /** One sentence for each reason; none: healthy. */
  readonly complaints: readonly string[];
  readonly takesSends: boolean;
  /** Undefined: the disk can't be asked. */
  readonly diskUsedRatio: number | undefined;
  /** Messages that groups are behind, of the groups that are looked at. */
  readonly lagMessages: Readonly<Record<string, number>>;
}

const isCount = (value: unknown): boolean => typeof value === 'number' && value >= 0;

const RULES: OptionRules<RocketHealthLimits> = {
  maxLagMessages: {
    expected: 'a number from 0, or an object with one for each group',
    accepts: (value) =>
      isCount(value) || (anObject.accepts(value) && Object.values(value as object).every((limit) => isCount(limit))),
  },
  maxDiskUsedRatio: { expected: 'a number from 0 to 1', accepts: (value) => isCount(value) && Number(value) <= 1 },
};

/**
 * A limit that can not be passed is a check that always says yes.
 *
 * @throws InvalidOptionError, UnknownOptionError
 */
export function checkHealthLimits(limits: RocketHealthLimits): void {
  checkOptions(limits, RULES, optionRefusal('isHealthy'));
}

const DEFAULT_MAX_DISK_USED_RATIO = 0.95;
/** `rocketmq_broker_permission`: reading and writing. */
const READ_AND_WRITE = 6;

export function judgeHealth(metrics: EngineMetrics, limits: RocketHealthLimits): RocketHealth {
  const { maxLagMessages, maxDiskUsedRatio = DEFAULT_MAX_DISK_USED_RATIO } = limits;
  const takesSends = metrics.rocketmq_broker_permission.values[0]?.value === READ_AND_WRITE;
  const diskUsedRatio = metrics.rocketmq_brokeruntime_commitlog_disk_ratio.values[0]?.value;
  const lagMessages: Record<string, number> = {};
  const complaints: string[] = [];
  if (!takesSends) complaints.push('The store refuses sends.');
  if (diskUsedRatio !== undefined && diskUsedRatio > maxDiskUsedRatio) {
    complaints.push(`${percent(diskUsedRatio)} of the disk is used; the limit is ${percent(maxDiskUsedRatio)}.`);
  }
  for (const [group, lag] of lagsOf(metrics)) {
    const limit = typeof maxLagMessages === 'number' ? maxLagMessages : maxLagMessages?.[group];
    if (limit === undefined) continue;
    lagMessages[group] = lag;
    if (lag > limit) {
      complaints.push(`Consumer group "${group}" is ${lag} messages behind; the limit is ${limit}.`);
    }
  }
  return { complaints, takesSends, diskUsedRatio, lagMessages };
}

function lagsOf(metrics: EngineMetrics): ReadonlyMap<string, number> {
  const lags = new Map<string, number>();
  for (const { labels, value } of metrics.rocketmq_consumer_lag_messages.values) {
    lags.set(labels.consumer_group, (lags.get(labels.consumer_group) ?? 0) + value);
  }
  return lags;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 1000) / 10} %`;
}
