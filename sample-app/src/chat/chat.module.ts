import { Module } from '@nestjs/common';
import { ChatController } from './chat.controller.js';
import { ChatRoom } from './chat-room.js';

@Module({ controllers: [ChatController], providers: [ChatRoom] })
export class ChatModule {}
