import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { FeeLedgerListener } from './fee-ledger.listener.js';
import { LedgerController } from './ledger.controller.js';
import { Ledger } from './ledger.js';
import { RefundLedgerListener } from './refund-ledger.listener.js';

@Module({
  imports: [EventsModule],
  controllers: [LedgerController],
  providers: [Ledger, FeeLedgerListener, RefundLedgerListener],
  exports: [Ledger],
})
export class LedgerModule {}
