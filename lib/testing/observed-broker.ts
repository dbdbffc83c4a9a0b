import {
  EmbeddedBroker,
  RECONSUME_LATER,
  type BatchMessageHandler,
  type BrokerEnvironment,
  type BrokerOptions,
  type Consumer,
  type MessageExt,
  type MessageHandler,
  type SubscribeOptions,
  type TopicSubscription,
} from '../engine/index.js';
import { BatchResultError } from '../errors/index.js';

/** How a call of a handler ended: with what it returned, or with what it threw. */
export type Ending =
  { readonly outcome: 'CONSUMED' | 'RECONSUME_LATER' } | { readonly outcome: 'FAILED'; readonly error: unknown };

export type AttemptObserver = (group: string, message: MessageExt, ending: Ending) => void;

/** The broker that apps run on, with an eye on how each call of a handler ends. */
export class ObservedBroker extends EmbeddedBroker {
  readonly #observe: AttemptObserver;

  constructor(options: BrokerOptions, environment: BrokerEnvironment, observe: AttemptObserver) {
    super(options, environment);
    this.#observe = observe;
  }

  override subscribe(options: SubscribeOptions): Promise<Consumer> {
    const subscriptions = options.subscriptions.map((subscription) => ({
      ...subscription,
      ...this.#observed(options.group, subscription),
    }));
    return super.subscribe({ ...options, subscriptions });
  }

  #observed(
    group: string,
    { handler, batchHandler, consumeMode }: TopicSubscription,
  ): Pick<TopicSubscription, 'handler' | 'batchHandler'> {
    if (batchHandler !== undefined) {
      return { batchHandler: this.#observedBatch(group, batchHandler, consumeMode === 'ORDERLY') };
    }
    return handler === undefined ? {} : { handler: this.#observedOne(group, handler) };
  }

  #observedOne(group: string, handler: MessageHandler): MessageHandler {
    return async (message) => {
      try {
        const result = await handler(message);
        this.#observe(group, message, { outcome: result === RECONSUME_LATER ? 'RECONSUME_LATER' : 'CONSUMED' });
        return result;
      } catch (error) {
        this.#observe(group, message, { outcome: 'FAILED', error });
        throw error;
      }
    };
  }

  /** Each message of a batch is an attempt of its own. */
  #observedBatch(group: string, handler: BatchMessageHandler, isOrderly: boolean): BatchMessageHandler {
    return async (messages, context) => {
      const faults = new Map<MessageExt, Ending>();
      const fail = (message: MessageExt, reason: unknown = RECONSUME_LATER): void => {
        context.fail(message, reason);
        const again = reason === RECONSUME_LATER;
        faults.set(message, again ? { outcome: 'RECONSUME_LATER' } : { outcome: 'FAILED', error: reason });
      };
      const tell = (doneCount: number, rest: Ending): void => {
        let done = 0;
        let isCut = false;
        for (const message of messages) {
          const ending = faults.get(message) ?? (done++ < doneCount ? { outcome: 'CONSUMED' as const } : rest);
          // Nothing behind a failed message is done where order counts.
          this.#observe(group, message, isCut && ending.outcome === 'CONSUMED' ? rest : ending);
          isCut ||= isOrderly && ending.outcome !== 'CONSUMED';
        }
      };
      try {
        const result = await handler(messages, { fail });
        const others = messages.length - faults.size;
        const doneCount = typeof result === 'number' ? result : others;
        if (!Number.isInteger(doneCount) || doneCount < 0 || doneCount > others) {
          const reason = `a number says how many of the messages are done, so it is from 0 to ${others}`;
          const error = new BatchResultError({ returned: result, batchLength: others, reason });
          tell(0, { outcome: 'FAILED', error });
          return result;
        }
        tell(result === RECONSUME_LATER ? 0 : doneCount, { outcome: 'RECONSUME_LATER' });
        return result;
      } catch (error) {
        tell(0, { outcome: 'FAILED', error });
        throw error;
      }
    };
  }
}
