import { Body, Controller, Post } from '@nestjs/common';
import { RocketTemplate } from 'nestjs-rocket';
import { LOVE_TOPIC, LoveRequest } from './love.types.js';

/** The least that there is: a payload is sent, and a listener gets it. */
@Controller('love')
export class LoveController {
  constructor(private readonly rocket: RocketTemplate) {}

  @Post()
  async send(@Body() { text }: LoveRequest): Promise<{ topic: string; text: string }> {
    await this.rocket.convertAndSend(LOVE_TOPIC, text);
    return { topic: LOVE_TOPIC, text };
  }
}
