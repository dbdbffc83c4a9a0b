import { Body, Controller, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { RocketTemplate } from 'nestjs-rocket';
import { QUOTES_TOPIC, Quote, QuoteRequest } from './quotes.types.js';

@Controller('quotes')
export class QuotesController {
  constructor(private readonly rocket: RocketTemplate) {}

  /** Waits for the listener's reply, at most 3 s. */
  @Post()
  @HttpCode(HttpStatus.OK)
  async ask(@Body() request: QuoteRequest): Promise<Quote> {
    return this.rocket.sendAndReceive(QUOTES_TOPIC, request, { replyType: Quote, timeoutMs: 3000 });
  }
}
