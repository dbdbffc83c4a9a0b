import {
  EmbeddedBroker,
  RECONSUME_LATER,
  type BrokerEnvironment,
  type BrokerOptions,
  type Consumer,
  type MessageExt,
  type MessageHandler,
  type SubscribeOptions,
} from '../engine/index.js';

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
      handler: this.#observed(options.group, subscription.handler),
    }));
    return super.subscribe({ ...options, subscriptions });
  }

  #observed(group: string, handler: MessageHandler): MessageHandler {
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
}
