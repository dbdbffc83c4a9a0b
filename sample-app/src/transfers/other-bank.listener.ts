import { MessageListener, RocketTemplate, type MessageExt, type RocketListener } from 'nestjs-rocket';
import { EventLog } from '../events/event-log.js';
import { requireValidMessage } from '../validation/require-valid-message.js';
import { TransfersService } from './transfers.service.js';
import { TRANSFER_REFUSED_TOPIC, TRANSFER_TOPIC, TransferMessage } from './transfers.types.js';

const GROUP = 'other-bank';

/** Stands for the other bank. Refusing is an answer, not a failure: retries would not change it, so a message goes back. */
@MessageListener({ topic: TRANSFER_TOPIC, consumerGroup: GROUP, payloadType: TransferMessage })
export class OtherBankListener implements RocketListener<TransferMessage> {
  constructor(
    private readonly rocket: RocketTemplate,
    private readonly transfers: TransfersService,
    private readonly events: EventLog,
  ) {}

  async onMessage(transfer: TransferMessage, message: MessageExt): Promise<void> {
    requireValidMessage(transfer);
    if (transfer.refused) {
      // On disk before the transfer counts as handled. Coming again, it sends this again, and the compensation is booked once.
      await this.rocket.syncSend(TRANSFER_REFUSED_TOPIC, transfer, { keys: transfer.transferId });
    } else {
      this.transfers.markBooked(transfer.transferId);
    }
    this.events.record(GROUP, message, transfer.refused ? 'refused' : 'booked');
  }
}
