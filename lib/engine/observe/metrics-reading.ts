import {
  ENGINE_METRICS,
  type EngineMetrics,
  type MetricName,
  type MetricReading,
  type MetricValue,
} from '../types/index.js';
import type { BrokerState, ObservedGroup } from './broker-state.js';
import type { EngineMonitor } from './engine-monitor.js';
import type { HandlerStats } from './handler-stats.js';

type Values = { readonly [Name in MetricName]: MetricReading<Name>['values'] };

const READ_AND_WRITE = 6;
const READ_ONLY = 4;

/** Puts together what was counted and what the broker looks like now. */
export function readMetrics(monitor: EngineMonitor, state: BrokerState): EngineMetrics {
  const values = valuesOf(monitor, state);
  const readings = Object.entries(ENGINE_METRICS).map(([name, { type, unit, help }]) => {
    return [name, { type, unit, help, values: values[name as MetricName] }];
  });
  return Object.fromEntries(readings) as EngineMetrics;
}

function valuesOf(monitor: EngineMonitor, state: BrokerState): Values {
  const groupNames = new Set(state.groups.map(({ group }) => group));
  const { sends } = monitor;
  sends.keep((topic) => state.topics.has(topic));
  monitor.commits.keep((topic) => state.topics.has(topic));
  monitor.rollbacks.keep((topic) => state.topics.has(topic));
  const handlers = monitor.handlers(
    (group) => groupNames.has(group),
    (topic) => state.topics.has(topic) || state.isSubscribed(topic),
  );
  const ofHandlers = (numberOf: (stats: HandlerStats) => number): readonly MetricValue<'topic' | 'consumer_group'>[] =>
    handlers.map(({ stats, ...labels }) => ({ labels, value: numberOf(stats) }));
  return {
    rocketmq_messages_in_total: sends.amounts('messages'),
    rocketmq_throughput_in_total: sends.amounts('bytes'),
    rocketmq_send_cost_time: sends.durations(),
    rocketmq_send_failures_total: sends.failures(),
    rocketmq_dropped_replies_total: alone(sends.droppedReplies),
    rocketmq_messages_out_total: ofHandlers((stats) => stats.messages),
    rocketmq_throughput_out_total: ofHandlers((stats) => stats.bytes),
    rocketmq_process_time: handlers.map(({ stats, ...labels }) => stats.durationsMs.value(labels)),
    rocketmq_consume_success_messages_total: ofHandlers((stats) => stats.done),
    rocketmq_consume_failure_messages_total: ofHandlers((stats) => stats.failures),
    rocketmq_consume_timeout_messages_total: ofHandlers((stats) => stats.timeouts),
    rocketmq_consume_retry_messages_total: ofHandlers((stats) => stats.retries),
    rocketmq_send_to_dlq_messages_total: ofHandlers((stats) => stats.deadLetters),
    rocketmq_consumer_lag_messages: state.groups.flatMap(lagsOf),
    rocketmq_consumer_cached_messages: state.groups.flatMap((group) => cachedOf(group, 'messages')),
    rocketmq_consumer_cached_bytes: state.groups.flatMap((group) => cachedOf(group, 'bytes')),
    rocketmq_consumer_connections: state.groups.map(({ group, members }) => ({
      labels: { consumer_group: group },
      value: members,
    })),
    rocketmq_delay_messages: state.delayLevels.map((value, index) => ({
      labels: { delay_level: String(index + 1) },
      value,
    })),
    rocketmq_timing_messages: Object.entries(state.timers).map(([topic, value]) => ({ labels: { topic }, value })),
    rocketmq_half_messages: countsOf(state.halfTopics),
    rocketmq_commit_messages_total: monitor.commits.values(),
    rocketmq_rollback_messages_total: monitor.rollbacks.values(),
    rocketmq_check_failures_total: monitor.checkFailures.values(),
    rocketmq_storage_flush_time: [monitor.flushTimesMs.value({})],
    rocketmq_storage_sync_time: [monitor.syncTimesMs.value({})],
    rocketmq_storage_flush_messages: [monitor.flushSizes.value({})],
    rocketmq_storage_flush_failures_total: alone(monitor.flushFailures),
    rocketmq_storage_flush_behind_bytes: alone(state.unflushedBytes),
    rocketmq_storage_size: alone(state.logBytes),
    rocketmq_brokeruntime_commitlog_disk_ratio: state.diskUsedRatio === undefined ? [] : alone(state.diskUsedRatio),
    rocketmq_broker_permission: alone(state.takesSends ? READ_AND_WRITE : READ_ONLY),
    rocketmq_topic_number: alone(state.topics.size),
    rocketmq_consumer_group_number: alone(state.groups.length),
  };
}

function alone(value: number): readonly MetricValue<never>[] {
  return [{ labels: {}, value }];
}

function lagsOf({ group, queues }: ObservedGroup): readonly MetricValue<'topic' | 'consumer_group' | 'queue_id'>[] {
  return queues.map(({ topic, queueId, lag }) => ({
    labels: { topic, consumer_group: group, queue_id: String(queueId) },
    value: lag,
  }));
}

function cachedOf(
  { group, cached }: ObservedGroup,
  field: 'messages' | 'bytes',
): readonly MetricValue<'topic' | 'consumer_group'>[] {
  return cached.map((each) => ({ labels: { topic: each.topic, consumer_group: group }, value: each[field] }));
}

function countsOf(topics: readonly string[]): readonly MetricValue<'topic'>[] {
  const counts = new Map<string, number>();
  for (const topic of topics) counts.set(topic, (counts.get(topic) ?? 0) + 1);
  return [...counts].map(([topic, value]) => ({ labels: { topic }, value }));
}
