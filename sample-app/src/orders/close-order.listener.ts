import { MessageListener, type MessageExt, type RocketListener } from 'nestjs-rocket';
import { ShopDatabase } from '../database/shop-database.js';
import { EventLog } from '../events/event-log.js';
import { requireValidMessage } from '../validation/require-valid-message.js';
import { OrdersService } from './orders.service.js';
import { CLOSE_ORDER_TOPIC, CloseOrder } from './orders.types.js';

const GROUP = 'order-closer';

/** Gets the message when the time to pay is over. Closing a closed order changes nothing, so a repeated message does no harm. */
@MessageListener({ topic: CLOSE_ORDER_TOPIC, consumerGroup: GROUP, payloadType: CloseOrder })
export class CloseOrderListener implements RocketListener<CloseOrder> {
  constructor(
    private readonly orders: OrdersService,
    private readonly events: EventLog,
    private readonly database: ShopDatabase,
  ) {}

  onMessage(payload: CloseOrder, message: MessageExt): void {
    requireValidMessage(payload);
    this.database.transaction(() => {
      const state = this.orders.closeIfUnpaid(payload.orderNo);
      const waitedMs = Date.now() - payload.placedAt.getTime();
      const note = state === undefined ? 'there is no such order' : `the order is ${state} after ${waitedMs} ms`;
      this.events.record(GROUP, message, note);
    });
  }
}
