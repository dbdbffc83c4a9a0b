import { Controller, HttpCode, HttpStatus, Post, Query } from '@nestjs/common';
import { LogQuery, type LogLine } from './log.types.js';
import { ShopLog } from './shop-log.js';

@Controller('log')
export class LogController {
  constructor(private readonly log: ShopLog) {}

  /** Reading moves on, so it is no GET. */
  @Post('read')
  @HttpCode(HttpStatus.OK)
  read(@Query() { max }: LogQuery): Promise<LogLine[]> {
    return this.log.read(max);
  }

  @Post('rewind')
  @HttpCode(HttpStatus.NO_CONTENT)
  async rewind(): Promise<void> {
    await this.log.rewind();
  }
}
