import { MessageListener, type MessageExt, type RocketListener } from 'nestjs-rocket';
import { FEE_PAID_TOPIC, FeePaid } from '../fees/fees.types.js';
import { requireValidMessage } from '../validation/require-valid-message.js';
import { Ledger } from './ledger.js';
import { LEDGER_GROUP } from './ledger.types.js';

/** Sees a fee only when its local transaction was committed. */
@MessageListener({ topic: FEE_PAID_TOPIC, consumerGroup: LEDGER_GROUP, payloadType: FeePaid })
export class FeeLedgerListener implements RocketListener<FeePaid> {
  constructor(private readonly ledger: Ledger) {}

  onMessage(fee: FeePaid, message: MessageExt): void {
    requireValidMessage(fee);
    this.ledger.book('FEE', fee.feeId, fee.amount, message);
  }
}
