import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { TransactionsModule } from '../transactions/transactions.module.js';
import { CompensationListener } from './compensation.listener.js';
import { OtherBankListener } from './other-bank.listener.js';
import { TransferTransactionListener } from './transfer.transaction-listener.js';
import { TransfersController } from './transfers.controller.js';
import { TransfersService } from './transfers.service.js';

@Module({
  imports: [EventsModule, LedgerModule, TransactionsModule],
  controllers: [TransfersController],
  providers: [TransfersService, TransferTransactionListener, OtherBankListener, CompensationListener],
})
export class TransfersModule {}
