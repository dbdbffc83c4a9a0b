import { Controller, Get, Headers, Query, Sse, type MessageEvent } from '@nestjs/common';
import { map, type Observable } from 'rxjs';
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

  /** Server-sent events. A browser that lost its connection names the last one that it saw, and misses nothing. */
  @Sse('stream')
  stream(@Headers('last-event-id') lastEventId?: string): Observable<MessageEvent> {
    const after = lastEventId !== undefined && /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : undefined;
    return this.events.live(after).pipe(map((event) => ({ id: String(event.seq), data: event })));
  }
}
