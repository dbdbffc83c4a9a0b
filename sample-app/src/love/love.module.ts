import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { LoveController } from './love.controller.js';
import { LoveListener } from './love.listener.js';

@Module({ imports: [EventsModule], controllers: [LoveController], providers: [LoveListener] })
export class LoveModule {}
