import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import { REHEARSALS, type Rehearsal } from '../transactions/transaction-rehearsal.js';
import { IsAmount } from '../validation/is-amount.js';
import { IsBusinessId } from '../validation/is-business-id.js';

/** To the other bank: take this money. */
export const TRANSFER_TOPIC = 'transfer';
/** From the other bank: we could not take it. */
export const TRANSFER_REFUSED_TOPIC = 'transfer-refused';

export interface Transfer {
  readonly transferId: string;
  readonly amount: number;
  /** SENT: the other bank has not answered. BOOKED: it has the money. COMPENSATED: it refused, and the money is back. */
  readonly state: 'SENT' | 'BOOKED' | 'COMPENSATED';
}

/** The message, to the other bank and back. */
export class TransferMessage {
  @IsBusinessId()
  readonly transferId!: string;

  @IsAmount()
  readonly amount!: number;

  /** True: the other bank refuses it. */
  @IsBoolean({ message: 'refused must be true or false' })
  readonly refused!: boolean;
}

export class TransferRequest {
  @IsBusinessId()
  readonly transferId!: string;

  @IsAmount()
  readonly amount!: number;

  @IsOptional()
  @IsBoolean({ message: 'refused must be true or false' })
  readonly refused?: boolean;

  /** How our own half of the transaction goes. */
  @IsOptional()
  @IsIn(REHEARSALS, { message: `outcome must be one of ${REHEARSALS.join(', ')}` })
  readonly outcome?: Rehearsal;
}
