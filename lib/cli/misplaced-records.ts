import { isQueued } from '../engine/store/dispatcher.js';
import { canBeMessage, canBeTopic } from '../engine/store/queue-place.js';
import type { StoredMessage } from '../engine/store/stored-message.js';

/** A record that says that it is a message which it can not be. */
export interface MisplacedRecord {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  readonly storeTimestampMs: number;
}

/** The last record of a queue. */
interface Last {
  readonly record: MisplacedRecord;
  readonly number: number;
  /** Of the record before it; −1: it is the first one. */
  readonly numberBefore: number;
}

/**
 * Finds the records for which an opening that reads the whole log would refuse it (`RecoveredRecords`): no checksum covers the place in its queue that a record names, and one wrong bit
 * there brings the numbers of the queue into disorder.
 */
export class MisplacedRecords {
  readonly found: MisplacedRecord[] = [];
  readonly #isDeleted: (topic: string, physicalOffset: number) => boolean;
  readonly #last = new Map<string, Last>();

  constructor(isDeleted: (topic: string, physicalOffset: number) => boolean) {
    this.#isDeleted = isDeleted;
  }

  /** Looks at the next record of the log, which may also show that the one before it in its queue is misplaced. @returns false when it is misplaced itself */
  add(message: StoredMessage, sizeBytes: number, offset: number): boolean {
    const { storedTopic, queueId, queueOffset: number } = message;
    if (!isQueued(message.sysFlag) || this.#isDeleted(storedTopic, offset)) return true;
    const record = recordOf(message, sizeBytes, offset);
    if (!canBeTopic(storedTopic) || !canBeMessage(queueId, number, offset)) {
      this.found.push(record);
      return false;
    }
    const queue = `${storedTopic}/${queueId}`;
    const last = this.#last.get(queue);
    // A topic that was deleted and made again begins anew.
    if (last === undefined || number > last.number || number === 0) {
      this.#last.set(queue, { record, number, numberBefore: number === 0 ? -1 : (last?.number ?? -1) });
      return true;
    }
    // This one goes on where the last one has left the order, or has left it itself.
    const isLastWrong = number > last.numberBefore;
    this.found.push(isLastWrong ? last.record : record);
    if (isLastWrong) this.#last.set(queue, { record, number, numberBefore: last.numberBefore });
    return isLastWrong;
  }
}

function recordOf(message: StoredMessage, sizeBytes: number, offset: number): MisplacedRecord {
  const { storedTopic, queueId, queueOffset, storeTimestamp: storeTimestampMs } = message;
  const reason = `the record says that it is message ${queueOffset} of queue ${queueId} of topic "${storedTopic}", which it can not be`;
  return { from: offset, to: offset + sizeBytes, reason, storeTimestampMs };
}
