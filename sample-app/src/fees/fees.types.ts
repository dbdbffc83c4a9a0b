import { Type } from 'class-transformer';
import { IsDate, IsIn, IsOptional } from 'class-validator';
import { REHEARSALS, type Rehearsal } from '../transactions/transaction-rehearsal.js';
import { IsAmount } from '../validation/is-amount.js';
import { IsBusinessId } from '../validation/is-business-id.js';

export const FEE_PAID_TOPIC = 'fee-paid';

export interface Fee {
  readonly feeId: string;
  readonly amount: number;
  readonly state: 'PAID' | 'REFUNDED';
  readonly transactionId: string;
  readonly paidAt: string;
}

export class FeeRequest {
  @IsBusinessId()
  readonly feeId!: string;

  @IsAmount()
  readonly amount!: number;

  /** What to act out. */
  @IsOptional()
  @IsIn(REHEARSALS, { message: `outcome must be one of ${REHEARSALS.join(', ')}` })
  readonly outcome?: Rehearsal;
}

/** The message: a fee has been paid. */
export class FeePaid {
  @IsBusinessId()
  readonly feeId!: string;

  @IsAmount()
  readonly amount!: number;

  @Type(() => Date)
  @IsDate({ message: 'paidAt must be a date' })
  readonly paidAt!: Date;
}
