import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import type { TransactionAnswer } from '../transactions/transaction-answer.js';
import { TransfersService } from './transfers.service.js';
import { TransferRequest, type Transfer } from './transfers.types.js';

@Controller('transfers')
export class TransfersController {
  constructor(private readonly transfers: TransfersService) {}

  @Post()
  async transfer(@Body() request: TransferRequest): Promise<TransactionAnswer> {
    return this.transfers.transfer(request);
  }

  @Get(':transferId')
  find(@Param('transferId') transferId: string): Transfer {
    return this.transfers.find(transferId);
  }
}
