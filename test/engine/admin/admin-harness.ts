import {
  EmbeddedBroker,
  ManualClock,
  MemoryFileSystem,
  SeededRandom,
  SilentLogger,
  type BrokerOptions,
  type Consumer,
  type Message,
  type MessageExt,
  type SendResult,
  type SubscribeOptions,
  type TopicSubscription,
} from '../../../lib/engine/index.js';

/** A broker on a disk in memory and a clock that the test moves. */
export class AdminHarness {
  readonly clock = new ManualClock();
  readonly files = new MemoryFileSystem({ clock: this.clock });
  readonly #options: BrokerOptions;
  broker!: EmbeddedBroker;

  private constructor(options: BrokerOptions) {
    this.#options = options;
  }

  static async open(options: BrokerOptions = {}): Promise<AdminHarness> {
    const harness = new AdminHarness(options);
    await harness.#start();
    return harness;
  }

  get admin(): EmbeddedBroker['admin'] {
    return this.broker.admin;
  }

  async restart(): Promise<void> {
    await this.broker.close();
    await this.#start();
  }

  close(): Promise<void> {
    return this.broker.close();
  }

  settle(): Promise<void> {
    return this.broker.whenIdle();
  }

  advance(durationMs: number): Promise<void> {
    return this.clock.advance(durationMs, () => this.broker.whenIdle());
  }

  send(topic: string, body: string, more: Partial<Message> = {}): Promise<SendResult> {
    return this.broker.send({ topic, body: Buffer.from(body), ...more });
  }

  /** Sends the bodies one after the other, each a second after the one before. */
  async sendAll(topic: string, bodies: readonly string[], more: Partial<Message> = {}): Promise<SendResult[]> {
    const results: SendResult[] = [];
    for (const body of bodies) {
      results.push(await this.send(topic, body, more));
      await this.advance(1000);
    }
    return results;
  }

  /** A member that writes down what it gets. */
  async listen(
    group: string,
    topic: string,
    handle: (message: MessageExt) => unknown = () => undefined,
    more: Partial<SubscribeOptions> & { readonly subscription?: Partial<TopicSubscription> } = {},
  ): Promise<Listening> {
    const received: string[] = [];
    const { subscription, ...options } = more;
    const consumer = await this.broker.subscribe({
      group,
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      ...options,
      subscriptions: [
        {
          topic,
          handler: (message) => {
            received.push(bodyOf(message));
            return handle(message);
          },
          ...subscription,
        },
      ],
    });
    await this.settle();
    return { received, consumer, stop: () => consumer.close({ timeoutMs: 1000 }) };
  }

  async #start(): Promise<void> {
    this.broker = new EmbeddedBroker(
      { ...this.#options, store: { path: '/store', maxHashSlotNum: 1000, maxIndexNum: 5000, ...this.#options.store } },
      { fileSystem: this.files, clock: this.clock, random: new SeededRandom(1), logger: new SilentLogger() },
    );
    await this.broker.start();
  }
}

export interface Listening {
  readonly received: readonly string[];
  readonly consumer: Consumer;
  stop(): Promise<number>;
}

export const bodyOf = (message: { readonly body: Uint8Array }): string => Buffer.from(message.body).toString();
export const bodiesOf = (messages: readonly { readonly body: Uint8Array }[]): string[] => messages.map(bodyOf);
