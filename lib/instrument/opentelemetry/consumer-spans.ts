import { context, ROOT_CONTEXT, SpanKind, type Context, type Tracer } from '@opentelemetry/api';
import type {
  MessageEngine,
  MessageExt,
  PullConsumer,
  SubscribeOptions,
  TopicSubscription,
} from '../../engine/index.js';
import { groupAttributes, operationAttributes, receivedAttributes, type Operation } from './attributes.js';
import { contextOf, linksTo } from './message-context.js';
import { overlay } from './overlay.js';
import { runInSpan } from './run-in-span.js';

const PROCESS: Operation = { name: 'process', type: 'process' };
const RECEIVE: Operation = { name: 'receive', type: 'receive' };

export interface ConsumerSpanOptions {
  /** False: the span of a handler begins a trace of its own, which is only linked to the producer's. */
  readonly joinProducerTrace: boolean;
}

type Consumption = Pick<MessageEngine, 'subscribe' | 'createPullConsumer'>;

/** A span around each call of a handler, linked to where its messages were created. */
export class ConsumerSpans {
  readonly #tracer: Tracer;
  readonly #engine: Consumption;
  readonly #options: ConsumerSpanOptions;

  constructor(tracer: Tracer, engine: Consumption, options: ConsumerSpanOptions) {
    this.#tracer = tracer;
    this.#engine = engine;
    this.#options = options;
  }

  readonly subscribe: Consumption['subscribe'] = (options) =>
    this.#engine.subscribe({
      ...options,
      subscriptions: options.subscriptions.map((subscription) => this.#traced(subscription, options)),
    });

  readonly createPullConsumer: Consumption['createPullConsumer'] = async (options) => {
    const consumer = await this.#engine.createPullConsumer(options);
    return overlay<PullConsumer>(consumer, {
      poll: async (pollOptions) => {
        const startTime = Date.now();
        const messages = await consumer.poll(pollOptions);
        if (messages.length > 0) this.#received(messages, options.group, startTime);
        return messages;
      },
    });
  };

  #traced(subscription: TopicSubscription, consumer: SubscribeOptions): TopicSubscription {
    const { handler, batchHandler } = subscription;
    return {
      ...subscription,
      ...(handler !== undefined && {
        handler: (message: MessageExt) =>
          this.#process([message], this.#parentOf(message), consumer, () => handler(message)),
      }),
      ...(batchHandler !== undefined && {
        // A batch has as many producers as messages, so its span can be no child of one of them.
        batchHandler: (messages, batch) =>
          this.#process(messages, ROOT_CONTEXT, consumer, () => batchHandler(messages, batch)),
      }),
    };
  }

  #process(messages: readonly MessageExt[], parent: Context, consumer: SubscribeOptions, work: () => unknown): unknown {
    const [first] = messages;
    const span = this.#tracer.startSpan(
      `${PROCESS.name} ${first!.topic}`,
      {
        kind: SpanKind.CONSUMER,
        links: linksTo(messages),
        attributes: {
          ...operationAttributes(PROCESS, first!.topic),
          ...groupAttributes(consumer.group, consumer.messageModel),
          ...(messages.length === 1
            ? receivedAttributes(first!)
            : { 'messaging.batch.message_count': messages.length }),
        },
      },
      parent,
    );
    return runInSpan(span, parent, work);
  }

  #parentOf(message: MessageExt): Context {
    return this.#options.joinProducerTrace ? contextOf(message) : ROOT_CONTEXT;
  }

  /** The span of a poll that brought something; it began when the poll did. */
  #received(messages: readonly MessageExt[], group: string, startTime: number): void {
    const topics = new Set(messages.map(({ topic }) => topic));
    const topic = topics.size === 1 ? messages[0]!.topic : [...topics].join(',');
    this.#tracer
      .startSpan(
        `${RECEIVE.name} ${topic}`,
        {
          kind: SpanKind.CLIENT,
          startTime,
          links: linksTo(messages),
          attributes: {
            ...operationAttributes(RECEIVE, topic),
            'messaging.consumer.group.name': group,
            'messaging.batch.message_count': messages.length,
          },
        },
        context.active(),
      )
      .end();
  }
}
