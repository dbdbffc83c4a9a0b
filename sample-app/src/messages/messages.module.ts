import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { MessagesController } from './messages.controller.js';
import { MessagesListener } from './messages.listener.js';

@Module({ imports: [EventsModule], controllers: [MessagesController], providers: [MessagesListener] })
export class MessagesModule {}
