import type { RecordDraft, TopicTable } from '../types/index.js';

/**
 * A message that has waited for its queue, as a draft for a queue that its topic is written to: the topic may have fewer queues than when the message was sent, and
 * nobody would read the rest. All of one old queue go to one queue, so their order stays.
 */
export function intoWriteQueue(draft: RecordDraft, topics: TopicTable): RecordDraft {
  const writeQueueNums = topics.get(draft.topic)?.writeQueueNums ?? 0;
  if (writeQueueNums === 0 || draft.queueId < writeQueueNums) return draft;
  return { ...draft, queueId: draft.queueId % writeQueueNums };
}
