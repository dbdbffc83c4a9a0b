import { Type } from 'class-transformer';
import { IsDate } from 'class-validator';
import { IsAmount } from '../validation/is-amount.js';
import { IsBusinessId } from '../validation/is-business-id.js';

export const CLOSE_ORDER_TOPIC = 'close-order';

export type OrderState = 'CREATED' | 'PAID' | 'CLOSED';

export interface Order {
  readonly orderNo: string;
  readonly amount: number;
  readonly state: OrderState;
  readonly createdAt: string;
}

export class OrderRequest {
  @IsBusinessId()
  readonly orderNo!: string;

  @IsAmount()
  readonly amount!: number;
}

/** The message: close the order if it has not been paid. */
export class CloseOrder {
  @IsBusinessId()
  readonly orderNo!: string;

  /** When the order was placed. A text in the message, a Date again in the listener. */
  @Type(() => Date)
  @IsDate({ message: 'placedAt must be a date' })
  readonly placedAt!: Date;
}
