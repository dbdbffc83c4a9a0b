import { MessageListener, type MessageExt, type RocketListener } from 'nestjs-rocket';
import { FEE_REFUNDED_TOPIC, FeeRefunded } from '../refunds/refunds.types.js';
import { requireValidMessage } from '../validation/require-valid-message.js';
import { Ledger } from './ledger.js';
import { LEDGER_GROUP } from './ledger.types.js';

/** In the same group as FeeLedgerListener: both are one member of it, which subscribes to two topics. */
@MessageListener({ topic: FEE_REFUNDED_TOPIC, consumerGroup: LEDGER_GROUP, payloadType: FeeRefunded })
export class RefundLedgerListener implements RocketListener<FeeRefunded> {
  constructor(private readonly ledger: Ledger) {}

  onMessage(refund: FeeRefunded, message: MessageExt): void {
    requireValidMessage(refund);
    this.ledger.book('REFUND', refund.refundId, -refund.amount, message);
  }
}
