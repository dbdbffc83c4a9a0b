import {
  deadLetterTopicOf,
  Property,
  retryTopicOf,
  SCHEDULE_TOPIC,
  type MessageModel,
  type StoredRecord,
} from '../types/index.js';
import type { AdminParts } from './admin-parts.js';
import { recordsByUniqueId } from './key-lookup.js';
import { groupNames, liveGroup, topicsOf } from './known-groups.js';

/**
 * What a group has done with a message.
 *
 * - NOT_CONSUMED: the group has not come to it, or is handling it.
 * - CONSUMED: it is done; or the group's filter has left it out, which leaves no trace.
 * - RETRYING: it failed, and waits for another attempt.
 * - DEAD_LETTER: it failed too often, or for good.
 * - BROADCASTING: each member of the group is somewhere else; what they have done is known to them.
 */
export type ConsumptionState = 'NOT_CONSUMED' | 'CONSUMED' | 'RETRYING' | 'DEAD_LETTER' | 'BROADCASTING';

export interface GroupConsumption {
  readonly group: string;
  readonly state: ConsumptionState;
  /** The group has members now. */
  readonly online: boolean;
}

/** Records of one message that are looked at: it is stored anew for every attempt and for every wait before one. */
const MAX_RECORDS = 64;

/** What all groups that consume its topic have done with a message. */
export async function consumptionStates(parts: AdminParts, record: StoredRecord): Promise<readonly GroupConsumption[]> {
  const states: GroupConsumption[] = [];
  for (const group of groupNames(parts)) {
    if (!topicsOf(parts, group).includes(record.storedTopic)) continue;
    const live = liveGroup(parts, group);
    const state = await stateIn(parts, group, live?.messageModel, record);
    states.push({ group, state, online: live !== undefined && live.members.length > 0 });
  }
  return states;
}

async function stateIn(
  parts: AdminParts,
  group: string,
  messageModel: MessageModel | undefined,
  record: StoredRecord,
): Promise<ConsumptionState> {
  if (messageModel === 'BROADCASTING') return 'BROADCASTING';
  const { storedTopic, queueId, queueOffset, msgId } = record;
  const committed = parts.groups.offsets.get(storedTopic, group, queueId) ?? 0;
  if (await isWaiting(parts, group, msgId)) return 'RETRYING';
  const [dead] = await recordsByUniqueId(parts, deadLetterTopicOf(group), msgId);
  // One that was sent again since is an earlier record's fate.
  if (dead !== undefined && dead.commitLogOffset > record.commitLogOffset) return 'DEAD_LETTER';
  return committed > queueOffset ? 'CONSUMED' : 'NOT_CONSUMED';
}

/** It lies in the group's retry topic, or on its way there, and nobody has taken it from there. */
async function isWaiting(parts: AdminParts, group: string, msgId: string): Promise<boolean> {
  const retryTopic = retryTopicOf(group);
  const retries = await recordsByUniqueId(parts, retryTopic, msgId, MAX_RECORDS);
  const isPending = ({ queueId, queueOffset }: StoredRecord): boolean =>
    queueOffset >= (parts.groups.offsets.get(retryTopic, group, queueId) ?? 0);
  if (retries.some(isPending)) return true;
  const waits = await recordsByUniqueId(parts, SCHEDULE_TOPIC, msgId, MAX_RECORDS);
  return waits.some(
    ({ queueId, queueOffset, properties }) =>
      properties[Property.REAL_TOPIC] === retryTopic && queueOffset >= parts.delays.undeliveredFrom(queueId + 1),
  );
}
