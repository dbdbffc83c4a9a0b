import { Body, Controller, Post } from '@nestjs/common';
import { RocketTemplate } from 'nestjs-rocket';
import { STEPS, STEPS_TOPIC, StepsRequest, type OrderStep } from './steps.types.js';

@Controller('steps')
export class StepsController {
  constructor(private readonly rocket: RocketTemplate) {}

  /** Sends the steps of all orders interleaved. The hash key puts those of one order into one queue, in which they keep their order. */
  @Post()
  async send(@Body() { orderNos, step, failTimes = 0 }: StepsRequest): Promise<{ sent: number }> {
    let sent = 0;
    for (const name of STEPS) {
      for (const orderNo of orderNos) {
        const fails = name === step && orderNo === orderNos[0];
        const message: OrderStep = { orderNo, step: name, failTimes: fails ? failTimes : 0 };
        await this.rocket.syncSendOrderly(`${STEPS_TOPIC}:${name}`, message, orderNo, { keys: orderNo });
        sent++;
      }
    }
    return { sent };
  }
}
