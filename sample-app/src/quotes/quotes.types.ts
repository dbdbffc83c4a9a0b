import { IsInt, Max, Min } from 'class-validator';

export const QUOTES_TOPIC = 'quotes';

const COUNT = { message: 'count must be a whole number from 1 to 1000000' };

/** The request: what would so many cost? */
export class QuoteRequest {
  @IsInt(COUNT)
  @Min(1, COUNT)
  @Max(1_000_000, COUNT)
  readonly count!: number;
}

/** The reply. */
export class Quote {
  readonly count!: number;
  readonly amount!: number;
}
