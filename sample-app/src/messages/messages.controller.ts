import { Body, Controller, Post } from '@nestjs/common';
import { RocketTemplate, type SendResult } from 'nestjs-rocket';
import { MessageRequest } from './messages.types.js';

/** Sends anything anywhere. */
@Controller('messages')
export class MessagesController {
  constructor(private readonly rocket: RocketTemplate) {}

  @Post()
  async send(@Body() { topic, tag, keys, payload, delayLevel }: MessageRequest): Promise<SendResult> {
    return this.rocket.syncSend(topic, payload, { tags: tag, keys, delayLevel });
  }
}
