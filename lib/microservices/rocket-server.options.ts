import type { MessageConverter } from '../converter/index.js';
import type {
  BrokerEnvironment,
  BrokerOptions,
  MessageEngine,
  SubscribeOptions,
  TopicSubscription,
} from '../engine/index.js';

/** How every topic is consumed; see the options of `@MessageListener`, which mean the same and have the same defaults. */
type ConsumptionOptions = Pick<
  TopicSubscription,
  | 'concurrency'
  | 'consumeMode'
  | 'consumeTimeoutMs'
  | 'delayLevelWhenNextConsume'
  | 'maxReconsumeTimes'
  | 'suspendCurrentQueueTimeMs'
> &
  Pick<SubscribeOptions, 'consumeFromWhere' | 'consumeTimestampMs' | 'messageModel'>;

/** Options of a `RocketServer`. */
export interface RocketServerOptions extends ConsumptionOptions {
  /** The group in which all patterns are consumed. A group of its own for each service. */
  readonly consumerGroup: string;
  /**
   * The engine to listen to, such as that of the app's `RocketModule` (`app.get(ROCKET_ENGINE)`). It is neither started nor closed here. Left out: the server has a
   * broker of its own, made by {@link broker}.
   */
  readonly engine?: MessageEngine | undefined;
  /** Options of the server's own broker; excludes {@link engine}. */
  readonly broker?: BrokerOptions | undefined;
  /** What the server's own broker runs on; excludes {@link engine}. */
  readonly environment?: BrokerEnvironment | undefined;
  /** Turns bodies into payloads and back. Default: text, bytes and JSON, as `RocketTemplate` does. */
  readonly converter?: MessageConverter | undefined;
  /** How long `close` waits for handlers that are running, in milliseconds. Default 10,000. Messages of those that take longer come again. */
  readonly shutdownTimeoutMs?: number | undefined;
}
