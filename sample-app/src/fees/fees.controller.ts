import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import type { TransactionAnswer } from '../transactions/transaction-answer.js';
import { FeesService } from './fees.service.js';
import { FeeRequest, type Fee } from './fees.types.js';

@Controller('fees')
export class FeesController {
  constructor(private readonly fees: FeesService) {}

  @Post()
  async pay(@Body() request: FeeRequest): Promise<TransactionAnswer> {
    return this.fees.pay(request);
  }

  @Get(':feeId')
  find(@Param('feeId') feeId: string): Fee {
    return this.fees.find(feeId);
  }
}
