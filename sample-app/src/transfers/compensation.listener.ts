import { MessageListener, type MessageExt, type RocketListener } from 'nestjs-rocket';
import { ShopDatabase } from '../database/shop-database.js';
import { EventLog } from '../events/event-log.js';
import { requireValidMessage } from '../validation/require-valid-message.js';
import { TransfersService } from './transfers.service.js';
import { TRANSFER_REFUSED_TOPIC, TransferMessage } from './transfers.types.js';

const GROUP = 'compensation';

/** Books the money back that the other bank refused. */
@MessageListener({ topic: TRANSFER_REFUSED_TOPIC, consumerGroup: GROUP, payloadType: TransferMessage })
export class CompensationListener implements RocketListener<TransferMessage> {
  constructor(
    private readonly transfers: TransfersService,
    private readonly database: ShopDatabase,
    private readonly events: EventLog,
  ) {}

  onMessage(transfer: TransferMessage, message: MessageExt): void {
    requireValidMessage(transfer);
    this.database.transaction(() => {
      const note = this.transfers.compensate(transfer) ? 'compensated' : 'was compensated before';
      this.events.record(GROUP, message, note);
    });
  }
}
