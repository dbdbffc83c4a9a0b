import type { MessageTypeName, MetricValue } from '../types/index.js';
import { DURATION_BOUNDS_MS, Histogram } from './histogram.js';

const MESSAGE_TYPES: readonly MessageTypeName[] = ['NORMAL', 'FIFO', 'DELAY', 'TRANSACTION'];

interface Amount {
  messages: number;
  bytes: number;
}

/** What was sent to one topic, by the type of message. */
type TopicAmounts = Record<MessageTypeName, Amount>;

/** Counts sends. Only topics that exist get counters, and those of topics that are no more are let go: memory stays bounded. */
export class SendStats {
  readonly #topics = new Map<string, TopicAmounts>();
  /** By error code; there are as many as docs/errors.md has. */
  readonly #failures = new Map<string, number>();
  readonly #succeededMs = new Histogram(DURATION_BOUNDS_MS);
  readonly #failedMs = new Histogram(DURATION_BOUNDS_MS);
  droppedReplies = 0;

  sent(topic: string, type: MessageTypeName, messages: number, bytes: number, tookMs: number): void {
    const amount = this.#of(topic)[type];
    amount.messages += messages;
    amount.bytes += bytes;
    this.#succeededMs.record(tookMs);
  }

  failed(code: string, tookMs: number): void {
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
    this.#failedMs.record(tookMs);
  }

  /** Lets go of topics that are no more. */
  keep(exists: (topic: string) => boolean): void {
    for (const topic of this.#topics.keys()) if (!exists(topic)) this.#topics.delete(topic);
  }

  amounts(field: keyof Amount): readonly MetricValue<'topic' | 'message_type'>[] {
    return [...this.#topics].flatMap(([topic, amounts]) =>
      MESSAGE_TYPES.flatMap((type) =>
        amounts[type].messages === 0
          ? []
          : [{ labels: { topic, message_type: type.toLowerCase() }, value: amounts[type][field] }],
      ),
    );
  }

  failures(): readonly MetricValue<'code'>[] {
    return [...this.#failures].map(([code, value]) => ({ labels: { code }, value }));
  }

  durations(): readonly ReturnType<Histogram['value']>[] {
    return [
      this.#succeededMs.value({ invocation_status: 'success' }),
      this.#failedMs.value({ invocation_status: 'failure' }),
    ];
  }

  #of(topic: string): TopicAmounts {
    let amounts = this.#topics.get(topic);
    if (amounts === undefined) {
      const none = (): Amount => ({ messages: 0, bytes: 0 });
      amounts = { NORMAL: none(), FIFO: none(), DELAY: none(), TRANSACTION: none() };
      this.#topics.set(topic, amounts);
    }
    return amounts;
  }
}
