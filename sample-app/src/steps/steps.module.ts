import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { StepsController } from './steps.controller.js';
import { StepsListener } from './steps.listener.js';

@Module({ imports: [EventsModule], controllers: [StepsController], providers: [StepsListener] })
export class StepsModule {}
