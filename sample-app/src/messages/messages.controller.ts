import { Body, Controller, Get, Inject, Post, Query } from '@nestjs/common';
import { ROCKET_CONVERTER, RocketAdmin, RocketTemplate, type MessageConverter, type SendResult } from 'nestjs-rocket';
import { MessageRequest, MessageSearch, type FoundMessage } from './messages.types.js';

/** Sends anything anywhere, and finds it again. */
@Controller('messages')
export class MessagesController {
  constructor(
    private readonly rocket: RocketTemplate,
    private readonly admin: RocketAdmin,
    @Inject(ROCKET_CONVERTER) private readonly converter: MessageConverter,
  ) {}

  @Post()
  async send(@Body() { topic, tag, keys, payload, delayLevel }: MessageRequest): Promise<SendResult> {
    return this.rocket.syncSend(topic, payload, { tags: tag, keys, delayLevel });
  }

  /** Looks the key up in the broker's index, whether anybody has consumed the message or not. */
  @Get()
  async find(@Query() { topic, key }: MessageSearch): Promise<FoundMessage[]> {
    const messages = await this.admin.messages.byKey(topic, key);
    return messages.map((message) => ({
      msgId: message.msgId,
      topic: message.topic,
      tag: message.tags ?? null,
      keys: message.keys ?? null,
      queueId: message.queueId,
      queueOffset: message.queueOffset,
      storedAt: new Date(message.storeTimestamp).toISOString(),
      payload: this.converter.fromBody(message, undefined),
    }));
  }
}
