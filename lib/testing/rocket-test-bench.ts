import { clearTimeout, setTimeout } from 'node:timers';
import { Logger } from '@nestjs/common';
import { DefaultMessageConverter, type MessageConverter, type PayloadType } from '../converter/index.js';
import {
  ManualClock,
  MemoryFileSystem,
  SeededRandom,
  SystemClock,
  type BrokerAdmin,
  type BrokerEnvironment,
  type BrokerOptions,
  type MessageEngine,
  type MessageExt,
} from '../engine/index.js';
import { NotConsumedError, TestClockError } from '../errors/index.js';
import { environmentReader, type ConfigReader } from '../rocket.config.js';
import { ROCKET_ENGINE_LOG_CONTEXT } from '../rocket.constants.js';
import { AttemptLog, type Attempt } from './attempt-log.js';
import { durationMs, type Duration } from './duration.js';
import { resolveTarget, type Target } from './listener-target.js';
import { ObservedBroker, type Ending } from './observed-broker.js';

/** What a test's broker runs on. */
export interface TestBenchOptions {
  /**
   * `manual` (default): time stands still until the test calls `advance`, so delays and retries take no time and are exact. `real`: the clock of the machine. Or a
   * manual clock that several apps share.
   */
  readonly clock?: 'manual' | 'real' | ManualClock | undefined;
  /** The broker's options, as in `RocketModule.forRoot`. The store is in memory. */
  readonly broker?: Omit<BrokerOptions, 'store'> | undefined;
  /** The converter of the app, so that payloads can be read. Default: text, bytes and JSON. */
  readonly converter?: MessageConverter | undefined;
  /** Default: Nest's. */
  readonly logger?: BrokerEnvironment['logger'];
}

export interface WaitOptions {
  /** How many messages must have been consumed since the app started. Default 1. */
  readonly count?: number | undefined;
  /** With the real clock: how long to wait, in milliseconds. Default 5000. With the manual clock there is nothing to wait for. */
  readonly timeoutMs?: number | undefined;
}

/** A message that is stored. */
export interface PublishedMessage<T = unknown> {
  readonly payload: T;
  readonly message: MessageExt;
}

const MAX_DEAD_LETTERS = 1024;

/**
 * The broker of a test, the same as in production but for its disk (memory) and its clock, and what a test wants to know of it.
 *
 * @publicApi
 */
export class RocketTestBench {
  readonly converter: MessageConverter;
  readonly #broker: ObservedBroker;
  readonly #clock: ManualClock | undefined;
  readonly #attempts = new AttemptLog();
  readonly #config: () => ConfigReader;

  /** @param config of the app. Default: the environment. @throws InvalidOptionError */
  constructor(options: TestBenchOptions = {}, config = (): ConfigReader => environmentReader) {
    this.#config = config;
    const { clock = 'manual', broker = {}, logger = new Logger(ROCKET_ENGINE_LOG_CONTEXT) } = options;
    this.converter = options.converter ?? new DefaultMessageConverter();
    this.#clock = clock === 'manual' ? new ManualClock() : clock === 'real' ? undefined : clock;
    const environment = {
      clock: this.#clock ?? new SystemClock(),
      fileSystem: new MemoryFileSystem(),
      random: new SeededRandom(1),
      logger,
    };
    this.#broker = new ObservedBroker({ ...broker, store: { type: 'memory' } }, environment, (group, message, ending) =>
      this.#attempts.add(this.#attempt(group, message, ending)),
    );
  }

  /** The engine that the app works with. */
  get engine(): MessageEngine {
    return this.#broker;
  }

  /** The broker's admin API: topics, groups, offsets, messages. */
  get admin(): BrokerAdmin {
    return this.#broker.admin;
  }

  /** The broker's time, in epoch milliseconds. A manual clock starts at 2024-01-01T00:00:00Z. */
  now(): number {
    return this.#clock?.now() ?? new SystemClock().now();
  }

  /** Opens the broker. The testing module calls it. */
  start(): Promise<void> {
    return this.#broker.start();
  }

  /** Closes the broker. The testing module calls it when the app has been closed. */
  close(): Promise<void> {
    return this.#broker.close();
  }

  /** Waits until every send is answered and every handler that can run has run. Delayed messages and retries still wait for their time. */
  drain(): Promise<void> {
    return this.#broker.whenIdle();
  }

  /**
   * Lets time pass: whatever becomes due is delivered and handled at its millisecond, one after the other.
   *
   * @throws TestClockError on the real clock; TestDurationError
   */
  async advance(duration: Duration): Promise<void> {
    if (this.#clock === undefined) throw new TestClockError({ operation: 'let time pass' });
    await this.#clock.advance(durationMs(duration), () => this.#broker.whenIdle());
  }

  /**
   * Resolves with the successful attempts at a listener, topic or message when there are as many as wanted. On the manual clock it fails at once when that can't
   * happen without time passing.
   *
   * @throws NotConsumedError, TestTargetError
   */
  async waitFor(target: Target, options: WaitOptions = {}): Promise<readonly Attempt[]> {
    const { count = 1, timeoutMs = 5000 } = options;
    const { name, matches } = resolveTarget(target, this.#config);
    const consumed = (): readonly Attempt[] =>
      this.#attempts.matching((attempt) => attempt.outcome === 'CONSUMED' && matches(attempt));
    if (this.#clock === undefined) await this.#until(() => consumed().length >= count, timeoutMs);
    else await this.drain();
    const found = consumed();
    if (found.length >= count) return found;
    const failed = this.#attempts.matching((attempt) => attempt.outcome !== 'CONSUMED' && matches(attempt)).length;
    const clock = this.#clock === undefined ? 'real' : 'manual';
    throw new NotConsumedError({ target: name, wanted: count, consumed: found.length, failed, clock });
  }

  /** Every ended attempt at a listener, topic or message, failed ones as well, in the order of their ends. @throws TestTargetError */
  attempts(target: Target): readonly Attempt[] {
    return this.#attempts.matching(resolveTarget(target, this.#config).matches);
  }

  /**
   * The messages that consumers of a topic can see, in the order of their storing: not those that wait for a delay or a commit.
   *
   * @param payloadType what the payloads are made into, as in `@MessageListener`
   * @throws TopicNotExistError when nothing was ever sent to it
   */
  async published<T = unknown>(topic: string, payloadType?: PayloadType): Promise<readonly PublishedMessage<T>[]> {
    await this.drain();
    const { queues } = await this.#broker.admin.topics.stats(topic);
    const found: PublishedMessage<T>[] = [];
    for (const { queueId, minOffset, maxOffset } of queues) {
      for (let offset = minOffset; offset < maxOffset; offset++) {
        const message = await this.#broker.admin.messages.at(topic, queueId, offset);
        if (message !== undefined) found.push({ message, payload: this.converter.fromBody(message, payloadType) as T });
      }
    }
    return found.toSorted((a, b) => a.message.commitLogOffset - b.message.commitLogOffset);
  }

  /** The dead letters of a consumer group, oldest first, at most 1024. @throws GroupNotExistError */
  async deadLetters<T = unknown>(group: string, payloadType?: PayloadType): Promise<readonly PublishedMessage<T>[]> {
    await this.drain();
    const page = await this.#broker.admin.deadLetters.list(group, { maxCount: MAX_DEAD_LETTERS });
    return page.deadLetters.map(({ message }) => ({
      message,
      payload: this.converter.fromBody(message, payloadType) as T,
    }));
  }

  #attempt(consumerGroup: string, message: MessageExt, ending: Ending): Attempt {
    return { topic: message.topic, consumerGroup, message, payload: this.#readable(message), ...ending };
  }

  /** A body that can't be read is what the attempt failed for. */
  #readable(message: MessageExt): unknown {
    try {
      return this.converter.fromBody(message, undefined);
    } catch {
      return undefined;
    }
  }

  async #until(isReached: () => boolean, timeoutMs: number): Promise<void> {
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), timeoutMs);
    try {
      while (!isReached() && !over.signal.aborted) await this.#attempts.next(over.signal);
    } finally {
      clearTimeout(timer);
    }
  }
}
