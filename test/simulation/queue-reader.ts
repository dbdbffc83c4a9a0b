import type { MessageExt, PullConsumer } from '../../lib/engine/types/index.js';
import type { BrokerLife } from './broker-life.js';
import { idOf, mustBeStored, type SentMessage } from './sent-message.js';
import type { World } from './world.js';

/**
 * Reads one queue from its beginning, a few messages now and then: so retention takes away what it has open, and what it would read next. It must get
 * everything that is there, in order, and pass over nothing but what may be gone.
 */
export class QueueReader {
  readonly #world: World;
  readonly #topic: string;
  readonly #queueId: number;
  #consumer: PullConsumer | undefined;
  #isPolling = false;
  #nextOffset = 0;
  /** What it passed over. A file counts as gone when its removal begins, so what was in it is asked for at the next read. */
  #passed: { readonly what: string; readonly sent: SentMessage }[] = [];

  constructor(world: World, topic: string, queueId: number) {
    this.#world = world;
    this.#topic = topic;
    this.#queueId = queueId;
  }

  open(life: BrokerLife, onFailed: () => void): void {
    this.#world.log(`  a reader begins with ${this.#topic}:${this.#queueId}`);
    life.follow('opening of a reader', this.#open(life), (consumer) => (this.#consumer = consumer), onFailed);
  }

  read(life: BrokerLife): void {
    const consumer = this.#consumer;
    if (consumer === undefined || this.#isPolling) return;
    this.#checkPassed();
    this.#isPolling = true;
    const ended = (): void => void (this.#isPolling = false);
    const polling = consumer.poll({ maxCount: this.#world.oneOf([1, 3, 10]), timeoutMs: 0 });
    const onMessages = (messages: readonly MessageExt[]): void => {
      ended();
      for (const message of messages) this.#got(message);
    };
    life.follow(`reading of ${this.#topic}:${this.#queueId}`, polling, onMessages, ended);
  }

  async #open(life: BrokerLife): Promise<PullConsumer> {
    const consumer = await life.broker.createPullConsumer({
      group: 'readers',
      messageModel: 'BROADCASTING',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      pullBatchSize: 3,
    });
    const queues = await consumer.queues(this.#topic);
    const queue = queues.find(({ queueId }) => queueId === this.#queueId)!;
    await consumer.assign([queue]);
    await consumer.seekToBegin(queue);
    return consumer;
  }

  #got(message: MessageExt): void {
    const { model } = this.#world;
    const id = idOf(message.body);
    const what = `a reader of ${this.#topic}:${this.#queueId} got ${id} at ${message.queueOffset}`;
    this.#world.log(`  ${what}`);
    const sent = model.get(id);
    if (sent === undefined) this.#world.violated(`${what}, which nobody sent`);
    else this.#world.violated(...model.faultsOfContent(sent, message).map((fault) => `${what}: ${fault}`));
    if (message.queueOffset < this.#nextOffset) this.#world.violated(`${what} behind ${this.#nextOffset - 1}`);
    for (let offset = this.#nextOffset; offset < message.queueOffset; offset++) {
      const passed = model.at(this.#topic, this.#queueId, offset);
      if (passed !== undefined && mustBeStored(passed) && !passed.isGone)
        this.#passed.push({ what: `${what}, past ${passed.id} at ${offset}, which has not expired`, sent: passed });
    }
    this.#nextOffset = message.queueOffset + 1;
  }

  #checkPassed(): void {
    const faults = this.#passed.filter(({ sent }) => !sent.isGone).map(({ what }) => what);
    this.#passed = [];
    this.#world.violated(...faults);
  }
}
