import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import type { TransactionAnswer } from '../transactions/transaction-answer.js';
import { RefundsService } from './refunds.service.js';
import { RefundRequest, type Refund } from './refunds.types.js';

@Controller('refunds')
export class RefundsController {
  constructor(private readonly refunds: RefundsService) {}

  @Post()
  async refund(@Body() request: RefundRequest): Promise<TransactionAnswer> {
    return this.refunds.refund(request);
  }

  @Get(':refundId')
  find(@Param('refundId') refundId: string): Refund {
    return this.refunds.find(refundId);
  }
}
