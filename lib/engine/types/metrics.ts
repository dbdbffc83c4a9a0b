/** counter: only grows, from 0 at the start of the broker. gauge: how it is now. histogram: how often a value was how large. */
export type MetricType = 'counter' | 'gauge' | 'histogram';

export type MetricUnit =
  'messages' | 'bytes' | 'milliseconds' | 'events' | 'groups' | 'topics' | 'members' | 'ratio' | 'flags';

interface MetricDefinition {
  readonly type: MetricType;
  readonly unit: MetricUnit;
  readonly labels: readonly string[];
  /** One sentence. */
  readonly help: string;
}

function defineMetrics<const Table extends Readonly<Record<string, MetricDefinition>>>(table: Table): Table {
  return table;
}

/**
 * Everything that a broker counts about itself. Names and labels are those of RocketMQ's own exporters where they have the same thing
 * (`BrokerMetricsConstant`, `DefaultStoreMetricsConstant`, the metrics of its clients); docs/observability.md says which are.
 */
export const ENGINE_METRICS = defineMetrics({
  rocketmq_messages_in_total: {
    type: 'counter',
    unit: 'messages',
    labels: ['topic', 'message_type'],
    help: 'Messages that were sent and stored.',
  },
  rocketmq_throughput_in_total: {
    type: 'counter',
    unit: 'bytes',
    labels: ['topic', 'message_type'],
    help: 'Bytes of the records of messages that were sent and stored.',
  },
  rocketmq_send_cost_time: {
    type: 'histogram',
    unit: 'milliseconds',
    labels: ['invocation_status'],
    help: 'Time from the call of a send to its answer.',
  },
  rocketmq_send_failures_total: {
    type: 'counter',
    unit: 'events',
    labels: ['code'],
    help: 'Sends that failed, by the code of their error.',
  },
  rocketmq_dropped_replies_total: {
    type: 'counter',
    unit: 'messages',
    labels: [],
    help: 'Answers to requests that came when nobody waited for them any more.',
  },
  rocketmq_messages_out_total: {
    type: 'counter',
    unit: 'messages',
    labels: ['topic', 'consumer_group'],
    help: 'Messages that were handed to handlers, each attempt for itself.',
  },
  rocketmq_throughput_out_total: {
    type: 'counter',
    unit: 'bytes',
    labels: ['topic', 'consumer_group'],
    help: 'Bytes of the records that were handed to handlers.',
  },
  rocketmq_process_time: {
    type: 'histogram',
    unit: 'milliseconds',
    labels: ['topic', 'consumer_group'],
    help: 'Time from the call of a handler to its end.',
  },
  rocketmq_consume_success_messages_total: {
    type: 'counter',
    unit: 'messages',
    labels: ['topic', 'consumer_group'],
    help: 'Messages that a handler has done.',
  },
  rocketmq_consume_failure_messages_total: {
    type: 'counter',
    unit: 'messages',
    labels: ['topic', 'consumer_group'],
    help: 'Attempts that failed: the handler threw, rejected, asked for a retry, or took too long.',
  },
  rocketmq_consume_timeout_messages_total: {
    type: 'counter',
    unit: 'messages',
    labels: ['topic', 'consumer_group'],
    help: 'Attempts that were given up because the handler took too long.',
  },
  rocketmq_consume_retry_messages_total: {
    type: 'counter',
    unit: 'messages',
    labels: ['topic', 'consumer_group'],
    help: 'Messages that come again for another attempt.',
  },
  rocketmq_send_to_dlq_messages_total: {
    type: 'counter',
    unit: 'messages',
    labels: ['topic', 'consumer_group'],
    help: 'Messages that became dead letters.',
  },
  rocketmq_consumer_lag_messages: {
    type: 'gauge',
    unit: 'messages',
    labels: ['topic', 'consumer_group', 'queue_id'],
    help: 'Messages in the queue that the group has not done. The group’s retry topic is a topic of its own.',
  },
  rocketmq_consumer_cached_messages: {
    type: 'gauge',
    unit: 'messages',
    labels: ['topic', 'consumer_group'],
    help: 'Messages that were fetched and are not done.',
  },
  rocketmq_consumer_cached_bytes: {
    type: 'gauge',
    unit: 'bytes',
    labels: ['topic', 'consumer_group'],
    help: 'Bytes of the messages that were fetched and are not done.',
  },
  rocketmq_consumer_connections: {
    type: 'gauge',
    unit: 'members',
    labels: ['consumer_group'],
    help: 'Members of the group in this process.',
  },
  rocketmq_delay_messages: {
    type: 'gauge',
    unit: 'messages',
    labels: ['delay_level'],
    help: 'Messages that wait for a delay level, retries among them.',
  },
  rocketmq_timing_messages: {
    type: 'gauge',
    unit: 'messages',
    labels: ['topic'],
    help: 'Messages that wait for a time of their own, by the topic that they are for.',
  },
  rocketmq_half_messages: {
    type: 'gauge',
    unit: 'messages',
    labels: ['topic'],
    help: 'Half messages without a decision, by the topic that they are for.',
  },
  rocketmq_commit_messages_total: {
    type: 'counter',
    unit: 'messages',
    labels: ['topic'],
    help: 'Transactions that were committed.',
  },
  rocketmq_rollback_messages_total: {
    type: 'counter',
    unit: 'messages',
    labels: ['topic'],
    help: 'Transactions that were rolled back.',
  },
  rocketmq_check_failures_total: {
    type: 'counter',
    unit: 'events',
    labels: ['producer_group'],
    help: 'Check-backs whose checker threw, or gave no answer in time.',
  },
  rocketmq_storage_flush_time: {
    type: 'histogram',
    unit: 'milliseconds',
    labels: [],
    help: 'Time to bring a group of records to the disk, the sync included.',
  },
  rocketmq_storage_sync_time: {
    type: 'histogram',
    unit: 'milliseconds',
    labels: [],
    help: 'Time of a sync of the commit log; where a group is written and synced in one call (Linux), of that call.',
  },
  rocketmq_storage_flush_messages: {
    type: 'histogram',
    unit: 'messages',
    labels: [],
    help: 'Records that went to the disk together.',
  },
  rocketmq_storage_flush_failures_total: {
    type: 'counter',
    unit: 'events',
    labels: [],
    help: 'Groups of records that could not be brought to the disk.',
  },
  rocketmq_storage_flush_behind_bytes: {
    type: 'gauge',
    unit: 'bytes',
    labels: [],
    help: 'Bytes that were appended and are not yet written.',
  },
  rocketmq_storage_size: {
    type: 'gauge',
    unit: 'bytes',
    labels: [],
    help: 'Bytes of the commit log, from its first record to its last.',
  },
  rocketmq_brokeruntime_commitlog_disk_ratio: {
    type: 'gauge',
    unit: 'ratio',
    labels: [],
    help: 'How much of the disk of the store is used, 0 to 1.',
  },
  rocketmq_broker_permission: {
    type: 'gauge',
    unit: 'flags',
    labels: [],
    help: '6: the broker takes sends. 4: it refuses them, for want of room or after a failed write.',
  },
  rocketmq_topic_number: {
    type: 'gauge',
    unit: 'topics',
    labels: [],
    help: 'Topics, those of the system included.',
  },
  rocketmq_consumer_group_number: {
    type: 'gauge',
    unit: 'groups',
    labels: [],
    help: 'Consumer groups that the broker knows.',
  },
});

export type MetricName = keyof typeof ENGINE_METRICS;

type LabelOf<Name extends MetricName> = (typeof ENGINE_METRICS)[Name]['labels'][number];

/** One number of a metric. */
export interface MetricValue<Label extends string = string> {
  readonly labels: Readonly<Record<Label, string>>;
  readonly value: number;
}

/** What a histogram has counted. */
export interface HistogramValue<Label extends string = string> {
  readonly labels: Readonly<Record<Label, string>>;
  /** How many values were at most `upTo`; ascending. What is larger than the last is in `count` alone. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[];
  readonly count: number;
  readonly sum: number;
}

/** A metric at one moment. */
export interface MetricReading<Name extends MetricName = MetricName> {
  readonly type: (typeof ENGINE_METRICS)[Name]['type'];
  readonly unit: MetricUnit;
  readonly help: string;
  readonly values: readonly ((typeof ENGINE_METRICS)[Name]['type'] extends 'histogram'
    ? HistogramValue<LabelOf<Name>>
    : MetricValue<LabelOf<Name>>)[];
}

/** All metrics of a broker at one moment. */
export type EngineMetrics = { readonly [Name in MetricName]: MetricReading<Name> };
