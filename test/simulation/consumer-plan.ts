import type { ConsumeMode } from '../../lib/engine/types/index.js';
import type { SentMessage } from './sent-message.js';

export const TOPICS = ['orders', 'payments', 'audit'] as const;
export const TAGS = [undefined, 'TagA', 'TagB', 'TagC'] as const;
export const PRODUCER_GROUP = 'simulated-producers';

/** A consumer group of the simulation. */
export interface GroupPlan {
  readonly group: string;
  readonly topics: readonly string[];
  readonly mode: ConsumeMode;
  readonly expression: string;
  readonly maxReconsumeTimes: number;
  readonly concurrency: number;
}

export const GROUPS: readonly GroupPlan[] = [
  { group: 'all', topics: TOPICS, mode: 'CONCURRENTLY', expression: '*', maxReconsumeTimes: 2, concurrency: 4 },
  {
    group: 'tagged',
    topics: ['orders'],
    mode: 'CONCURRENTLY',
    expression: 'TagA || TagB',
    maxReconsumeTimes: 1,
    concurrency: 2,
  },
  {
    group: 'in-order',
    topics: ['orders', 'payments'],
    mode: 'ORDERLY',
    expression: '*',
    maxReconsumeTimes: -1,
    concurrency: 3,
  },
];

/** Whether a message is meant for a group. */
export function isFor(plan: GroupPlan, message: SentMessage): boolean {
  return plan.topics.includes(message.topic) && acceptsTag(plan, message.tags);
}

export function acceptsTag({ expression }: GroupPlan, tag: string | undefined): boolean {
  return expression === '*' || (tag !== undefined && expression.split(' || ').includes(tag));
}
