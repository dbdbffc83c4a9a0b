import { MessageListener, type MessageExt, type RocketReplyListener } from 'nestjs-rocket';
import { fromCents } from '../database/money.js';
import { EventLog } from '../events/event-log.js';
import { requireValidMessage } from '../validation/require-valid-message.js';
import { QUOTES_TOPIC, QuoteRequest, type Quote } from './quotes.types.js';

const GROUP = 'sales';
const CENTS_EACH = 250;

/** Answers requests: what it returns goes back to who asked. */
@MessageListener({ topic: QUOTES_TOPIC, consumerGroup: GROUP, payloadType: QuoteRequest, replies: true })
export class QuotesListener implements RocketReplyListener<QuoteRequest, Quote> {
  constructor(private readonly events: EventLog) {}

  onMessage(request: QuoteRequest, message: MessageExt): Quote {
    requireValidMessage(request);
    this.events.record(GROUP, message, 'replied');
    return { count: request.count, amount: fromCents(request.count * CENTS_EACH) };
  }
}
