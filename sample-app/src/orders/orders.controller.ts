import { Body, Controller, Get, HttpCode, HttpStatus, Param, Post } from '@nestjs/common';
import { OrdersService } from './orders.service.js';
import { OrderRequest, type Order } from './orders.types.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Post()
  async place(@Body() request: OrderRequest): Promise<Order> {
    return this.orders.place(request);
  }

  @Post(':orderNo/pay')
  @HttpCode(HttpStatus.OK)
  pay(@Param('orderNo') orderNo: string): Order {
    return this.orders.pay(orderNo);
  }

  @Get(':orderNo')
  find(@Param('orderNo') orderNo: string): Order {
    return this.orders.find(orderNo);
  }
}
