import { Body, Controller, Post, Sse, type MessageEvent } from '@nestjs/common';
import { RocketTemplate } from 'nestjs-rocket';
import { map, type Observable } from 'rxjs';
import { ChatRoom } from './chat-room.js';
import { CHAT_TOPIC, ChatLine } from './chat.types.js';

@Controller('chat')
export class ChatController {
  constructor(
    private readonly rocket: RocketTemplate,
    private readonly room: ChatRoom,
  ) {}

  @Post()
  async say(@Body() line: ChatLine): Promise<ChatLine> {
    await this.rocket.convertAndSend(CHAT_TOPIC, line);
    return line;
  }

  /** Server-sent events: what is said from now on. */
  @Sse()
  listen(): Observable<MessageEvent> {
    return this.room.visit().pipe(map((line) => ({ data: line })));
  }
}
