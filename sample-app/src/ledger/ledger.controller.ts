import { Controller, Get } from '@nestjs/common';
import { Ledger } from './ledger.js';
import type { LedgerView } from './ledger.types.js';

@Controller('ledger')
export class LedgerController {
  constructor(private readonly ledger: Ledger) {}

  @Get()
  view(): LedgerView {
    return this.ledger.view();
  }
}
