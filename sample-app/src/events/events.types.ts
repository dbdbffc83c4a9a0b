import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, Min } from 'class-validator';

/** One delivery of one message to one listener. */
export interface ShopEvent {
  /** Counts all events. */
  readonly seq: number;
  readonly time: string;
  /** What the message is about: its key, or else its msgId. */
  readonly id: string;
  readonly topic: string;
  readonly tag: string | null;
  readonly group: string;
  /** 1 for the first delivery. */
  readonly attempt: number;
  readonly msgId: string;
  /** What the listener made of it. */
  readonly note: string;
}

export interface EventsSummary {
  readonly deliveries: number;
  readonly messages: number;
  /** Deliveries that took place again without a failure: after a crash. */
  readonly repeats: number;
}

export class EventsTopicQuery {
  @IsOptional()
  @IsString({ message: 'topic must be given once' })
  readonly topic?: string;
}

export class EventsQuery extends EventsTopicQuery {
  /** A key or a msgId. */
  @IsOptional()
  @IsString({ message: 'id must be given once' })
  readonly id?: string;

  /** Only events with a greater seq, the oldest first. Without it: the newest. */
  @IsOptional()
  @Type(() => Number)
  @IsInt({ message: 'after must be a whole number from 0' })
  @Min(0, { message: 'after must be a whole number from 0' })
  readonly after?: number;

  @IsOptional()
  @Type(() => Number)
  @IsInt({ message: 'limit must be a whole number from 1 to 5000' })
  @Min(1, { message: 'limit must be a whole number from 1 to 5000' })
  @Max(5000, { message: 'limit must be a whole number from 1 to 5000' })
  readonly limit: number = 100;
}
