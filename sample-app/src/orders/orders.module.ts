import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { LogModule } from '../log/log.module.js';
import { CloseOrderListener } from './close-order.listener.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';

@Module({
  imports: [EventsModule, LogModule],
  controllers: [OrdersController],
  providers: [OrdersService, CloseOrderListener],
})
export class OrdersModule {}
