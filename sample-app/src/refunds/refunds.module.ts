import { Module } from '@nestjs/common';
import { FeesModule } from '../fees/fees.module.js';
import { TransactionsModule } from '../transactions/transactions.module.js';
import { RefundTransactionListener } from './refund.transaction-listener.js';
import { RefundsController } from './refunds.controller.js';
import { RefundsService } from './refunds.service.js';

@Module({
  imports: [FeesModule, TransactionsModule],
  controllers: [RefundsController],
  providers: [RefundsService, RefundTransactionListener],
})
export class RefundsModule {}
