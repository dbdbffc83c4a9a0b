import { Type } from 'class-transformer';
import { IsDate, IsIn, IsOptional } from 'class-validator';
import { REHEARSALS, type Rehearsal } from '../transactions/transaction-rehearsal.js';
import { IsAmount } from '../validation/is-amount.js';
import { IsBusinessId } from '../validation/is-business-id.js';

export const FEE_REFUNDED_TOPIC = 'fee-refunded';

export interface Refund {
  readonly refundId: string;
  readonly feeId: string;
  readonly amount: number;
  readonly transactionId: string;
  readonly refundedAt: string;
}

export class RefundRequest {
  @IsBusinessId()
  readonly refundId!: string;

  /** The fee that is paid back, all of it. */
  @IsBusinessId()
  readonly feeId!: string;

  /** What to act out. */
  @IsOptional()
  @IsIn(REHEARSALS, { message: `outcome must be one of ${REHEARSALS.join(', ')}` })
  readonly outcome?: Rehearsal;
}

/** The message: a fee has been paid back. */
export class FeeRefunded {
  @IsBusinessId()
  readonly refundId!: string;

  @IsBusinessId()
  readonly feeId!: string;

  @IsAmount()
  readonly amount!: number;

  @Type(() => Date)
  @IsDate({ message: 'refundedAt must be a date' })
  readonly refundedAt!: Date;
}
