import { Module } from '@nestjs/common';
import { TransactionsModule } from '../transactions/transactions.module.js';
import { FeeTransactionListener } from './fee.transaction-listener.js';
import { FeesController } from './fees.controller.js';
import { FeesService } from './fees.service.js';

@Module({
  imports: [TransactionsModule],
  controllers: [FeesController],
  providers: [FeesService, FeeTransactionListener],
  exports: [FeesService],
})
export class FeesModule {}
