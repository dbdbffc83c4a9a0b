import { context, SpanKind, trace, type Span, type Tracer } from '@opentelemetry/api';
import type { Message, MessageEngine, SendResult } from '../../engine/index.js';
import { operationAttributes, sentAttributes, type Operation } from './attributes.js';
import { linksTo, withContext } from './message-context.js';
import { runInSpan } from './run-in-span.js';

const SEND: Operation = { name: 'send', type: 'send' };
const REQUEST: Operation = { name: 'request', type: 'send' };

type Sends = Pick<MessageEngine, 'send' | 'sendBatch' | 'sendHalf' | 'request'>;

/** A span around each send, whose context travels in the message. */
export class ProducerSpans {
  readonly #tracer: Tracer;
  readonly #engine: Sends;

  constructor(tracer: Tracer, engine: Sends) {
    this.#tracer = tracer;
    this.#engine = engine;
  }

  readonly send: Sends['send'] = (message, options) =>
    this.#sendOne(SEND, message, false, (carrying) => this.#engine.send(carrying, options));

  readonly sendHalf: Sends['sendHalf'] = (message, producerGroup, options) =>
    this.#sendOne(SEND, message, true, (carrying) => this.#engine.sendHalf(carrying, producerGroup, options));

  readonly request: Sends['request'] = (message, options) =>
    this.#inSpan(REQUEST, [message], false, ([carrying]) => this.#engine.request(carrying!, options));

  /** All messages of a batch carry the context of the one send. */
  readonly sendBatch: Sends['sendBatch'] = (messages, options) =>
    this.#inSpan(SEND, messages, false, (carrying) => this.#engine.sendBatch(carrying, options));

  #sendOne<R extends SendResult>(
    operation: Operation,
    message: Message,
    isHalf: boolean,
    send: (carrying: Message) => Promise<R>,
  ): Promise<R> {
    return this.#inSpan(operation, [message], isHalf, async ([carrying], span) => {
      const result = await send(carrying!);
      span.setAttribute('messaging.message.id', result.msgId);
      span.setAttribute('messaging.destination.partition.id', String(result.messageQueue.queueId));
      return result;
    });
  }

  #inSpan<R>(
    operation: Operation,
    messages: readonly Message[],
    isHalf: boolean,
    work: (carrying: readonly Message[], span: Span) => Promise<R>,
  ): Promise<R> {
    // The engine refuses what is no message, with a better text than a failing span would give.
    if (!Array.isArray(messages) || !messages.every(isMessage)) return work(messages, NO_SPAN);
    const topic = messages[0]?.topic ?? '';
    const parent = context.active();
    const span = this.#tracer.startSpan(
      `${operation.name} ${topic}`,
      {
        kind: SpanKind.PRODUCER,
        links: linksTo(messages),
        attributes: {
          ...operationAttributes(operation, topic),
          ...(messages.length === 1
            ? sentAttributes(messages[0]!, isHalf)
            : { 'messaging.batch.message_count': messages.length }),
        },
      },
      parent,
    );
    return runInSpan(span, parent, () => {
      const own = trace.setSpan(parent, span);
      return work(
        messages.map((message) => withContext(message, own)),
        span,
      );
    });
  }
}

const NO_SPAN = trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 });

function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null) return false;
  const { topic, body, keys } = value as Partial<Message>;
  return typeof topic === 'string' && body instanceof Uint8Array && (keys === undefined || typeof keys === 'string');
}
