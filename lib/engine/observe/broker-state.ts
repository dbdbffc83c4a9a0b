import {
  SCHEDULE_TOPIC,
  SYSTEM_GROUP_PREFIX,
  type FileSystem,
  type MessageStore,
  type SubscriptionGroupTable,
  type TopicTable,
} from '../types/index.js';

/** A queue of a group that has members, as far as it is looked at here. */
export interface LiveQueue {
  readonly topic: string;
  readonly queueId: number;
  readonly lag: number;
  /** Messages that were fetched and are not done. */
  readonly held: number;
  readonly heldBytes: number;
}

export interface LiveGroup {
  readonly group: string;
  readonly members: readonly unknown[];
  readonly queues: readonly LiveQueue[];
}

/** What the rooms of a broker can be asked. */
export interface BrokerParts {
  readonly store: MessageStore;
  readonly topics: TopicTable;
  readonly groups: SubscriptionGroupTable;
  readonly fileSystem: FileSystem;
  readonly path: string;
  readonly logStatus: () => {
    readonly sizeBytes: number;
    readonly unflushedBytes: number;
    readonly hasFailed: boolean;
  };
  readonly liveGroups: () => readonly LiveGroup[];
  /** Whether a group has members for a topic, be it there yet or not. */
  readonly isSubscribed: (topic: string) => boolean;
  readonly offsets: {
    list(): readonly {
      readonly topic: string;
      readonly group: string;
      readonly offsets: ReadonlyMap<number, number>;
    }[];
  };
  /** Delay levels, from 1 to this one. */
  readonly maxDelayLevel: number;
  /** The first record in the queue of a delay level that is not delivered. */
  readonly undeliveredFrom: (level: number) => number;
  readonly timers: () => Readonly<Record<string, number>>;
  readonly transactions: () => readonly { readonly topic: string }[];
  /** Why a send would be refused at present; undefined: it would not. */
  readonly refusal: () => unknown;
}

/** What a broker looks like at one moment: all that is not counted but looked up when somebody asks. */
export interface BrokerState {
  readonly topics: ReadonlySet<string>;
  readonly isSubscribed: (topic: string) => boolean;
  readonly groups: readonly ObservedGroup[];
  /** Waiting messages of delay level 1, 2, … */
  readonly delayLevels: readonly number[];
  /** Messages that wait for a time of their own, by topic. */
  readonly timers: Readonly<Record<string, number>>;
  /** The topic of each half message without a decision. */
  readonly halfTopics: readonly string[];
  readonly unflushedBytes: number;
  readonly logBytes: number;
  /** Undefined: the disk can't be asked. */
  readonly diskUsedRatio: number | undefined;
  readonly takesSends: boolean;
}

export interface ObservedGroup {
  readonly group: string;
  readonly members: number;
  readonly queues: readonly { readonly topic: string; readonly queueId: number; readonly lag: number }[];
  /** What its members hold in memory, by topic. */
  readonly cached: readonly { readonly topic: string; readonly messages: number; readonly bytes: number }[];
}

export async function lookAt(parts: BrokerParts): Promise<BrokerState> {
  const diskUsedRatio = await diskUsed(parts);
  const { sizeBytes, unflushedBytes, hasFailed } = parts.logStatus();
  return {
    topics: new Set(parts.topics.list().map(({ topicName }) => topicName)),
    isSubscribed: parts.isSubscribed,
    groups: observeGroups(parts),
    delayLevels: Array.from({ length: parts.maxDelayLevel }, (_, index) => delayedAt(parts, index + 1)),
    timers: parts.timers(),
    halfTopics: parts.transactions().map(({ topic }) => topic),
    unflushedBytes,
    logBytes: sizeBytes,
    diskUsedRatio,
    takesSends: !hasFailed && parts.refusal() === undefined,
  };
}

async function diskUsed({ fileSystem, path }: BrokerParts): Promise<number | undefined> {
  try {
    const { totalBytes, freeBytes } = await fileSystem.diskUsage(path);
    return totalBytes > 0 ? (totalBytes - freeBytes) / totalBytes : undefined;
  } catch {
    // The store's own watch of the disk tells when it can't be asked.
    return undefined;
  }
}

function delayedAt({ store, undeliveredFrom }: BrokerParts, level: number): number {
  return Math.max(0, store.queueRange(SCHEDULE_TOPIC, level - 1).maxOffset - undeliveredFrom(level));
}

function observeGroups(parts: BrokerParts): readonly ObservedGroup[] {
  const live = new Map(parts.liveGroups().map((group) => [group.group, group]));
  const committed = parts.offsets.list();
  const names = new Set([
    ...parts.groups.list().map(({ groupName }) => groupName),
    ...committed.map(({ group }) => group),
    ...live.keys(),
  ]);
  return [...names]
    .filter((name) => !name.startsWith(SYSTEM_GROUP_PREFIX))
    .toSorted()
    .map((group) => {
      const running = live.get(group);
      return {
        group,
        members: running?.members.length ?? 0,
        queues: lagsOf(
          parts,
          committed.filter((entry) => entry.group === group),
          running?.queues ?? [],
        ),
        cached: cachedOf(running?.queues ?? []),
      };
    });
}

/** By the committed offsets; of queues that have none, as in BROADCASTING, by the member that is furthest behind. */
function lagsOf(
  { store, topics }: BrokerParts,
  committed: ReturnType<BrokerParts['offsets']['list']>,
  live: readonly LiveQueue[],
): ObservedGroup['queues'] {
  const found = new Map<string, ObservedGroup['queues'][number]>();
  for (const { topic, offsets } of committed) {
    if (topics.get(topic) === undefined) continue;
    for (const [queueId, offset] of offsets) {
      const { minOffset, maxOffset } = store.queueRange(topic, queueId);
      // What retention has removed can't be behind any more.
      const lag = Math.max(0, maxOffset - Math.max(offset, minOffset));
      found.set(`${topic} ${queueId}`, { topic, queueId, lag });
    }
  }
  const ofMembers = new Map<string, ObservedGroup['queues'][number]>();
  for (const { topic, queueId, lag } of live) {
    const key = `${topic} ${queueId}`;
    if (found.has(key) || (ofMembers.get(key)?.lag ?? -1) >= lag) continue;
    ofMembers.set(key, { topic, queueId, lag });
  }
  return [...found.values(), ...ofMembers.values()];
}

function cachedOf(queues: readonly LiveQueue[]): ObservedGroup['cached'] {
  const byTopic = new Map<string, { topic: string; messages: number; bytes: number }>();
  for (const { topic, held, heldBytes } of queues) {
    const sum = byTopic.get(topic) ?? { topic, messages: 0, bytes: 0 };
    byTopic.set(topic, { topic, messages: sum.messages + held, bytes: sum.bytes + heldBytes });
  }
  return [...byTopic.values()];
}
