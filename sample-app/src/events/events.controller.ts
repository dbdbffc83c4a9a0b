import { Controller, Get, Query } from '@nestjs/common';
import { EventLog } from './event-log.js';
import { EventsQuery, EventsTopicQuery, type EventsSummary, type ShopEvent } from './events.types.js';

@Controller('events')
export class EventsController {
  constructor(private readonly events: EventLog) {}

  @Get()
  find(@Query() query: EventsQuery): ShopEvent[] {
    return this.events.find(query);
  }

  @Get('summary')
  summary(@Query() query: EventsTopicQuery): EventsSummary {
    return this.events.summary(query);
  }
}
