import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { QuotesController } from './quotes.controller.js';
import { QuotesListener } from './quotes.listener.js';

@Module({ imports: [EventsModule], controllers: [QuotesController], providers: [QuotesListener] })
export class QuotesModule {}
