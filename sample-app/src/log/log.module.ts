import { Module } from '@nestjs/common';
import { LogController } from './log.controller.js';
import { ShopLog } from './shop-log.js';

@Module({ controllers: [LogController], providers: [ShopLog], exports: [ShopLog] })
export class LogModule {}
