import { messageOf, stackOf } from '../../errors/thrown.js';
import { deadLetterTopicOf, type StoredRecord } from '../types/index.js';
import type { ConsumeRoom } from './consume-room.js';
import { deadLetterPropertiesOf, nameOf } from './failure-log.js';
import type { Tally } from './tally.js';

/** Stores failed messages of a group for a later delivery, and says whether that worked. */
export class SendBack {
  readonly #room: Pick<ConsumeRoom, 'redelivery' | 'logger'>;
  readonly #group: string;
  readonly #tally: Tally;

  constructor(room: Pick<ConsumeRoom, 'redelivery' | 'logger'>, group: string, tally: Tally) {
    this.#room = room;
    this.#group = group;
    this.#tally = tally;
  }

  /**
   * Never rejects.
   *
   * @param reason why the delivery failed; what it says about the message goes into the dead letter
   * @returns true when the message is stored again, so that the failed delivery is done; false when it must be kept
   */
  async store(record: StoredRecord, delayLevel: number, maxReconsumeTimes: number, reason: unknown): Promise<boolean> {
    const { redelivery, logger } = this.#room;
    try {
      const deadLetterProperties = deadLetterPropertiesOf(reason);
      const options = { group: this.#group, delayLevel, maxReconsumeTimes, deadLetterProperties };
      if ((await redelivery.sendBack(record, options)) === 'DEAD_LETTER') {
        const topic = deadLetterTopicOf(this.#group);
        this.#tally.deadLetter(record, topic);
        logger.warn(
          `${nameOf(record, this.#group)} was the last: the message is a dead letter now, in topic "${topic}".`,
        );
      } else {
        this.#tally.retry(record);
      }
      return true;
    } catch (error) {
      const message = `${nameOf(record, this.#group)} could not be stored for a retry, it is kept and handled again: ${messageOf(error)}`;
      logger.error(message, stackOf(error));
      this.#tally.redeliveryFailed(record, error);
      return false;
    }
  }
}
