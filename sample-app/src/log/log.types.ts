import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';

export const LOG_TOPIC = 'shop-log';

export interface LogLine {
  readonly time: string;
  readonly text: string;
}

const MAX_RULE = { message: 'max must be a whole number from 1 to 1000' };

export class LogQuery {
  /** How many lines to read, at most. */
  @Type(() => Number)
  @IsInt(MAX_RULE)
  @Min(1, MAX_RULE)
  @Max(1000, MAX_RULE)
  readonly max: number = 10;
}
