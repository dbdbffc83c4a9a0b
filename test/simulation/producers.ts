import type { Message } from '../../lib/engine/types/index.js';
import type { BrokerLife } from './broker-life.js';
import { PRODUCER_GROUP, TAGS, TOPICS } from './consumer-plan.js';
import { recall } from './recalls.js';
import type { MessageKind, SentMessage } from './sent-message.js';
import type { World } from './world.js';

/** Below 0: a time that has passed. */
const TIMES_MS = [-500, 0, 1, 700, 1500, 4000, 12_345, 40_000] as const;
const DELAYS_MS = [0, 1000, 5000, 10_000, 30_000] as const;

/** What applications send. Nobody waits for an answer before the next step: a crash may come at any moment. */
export class Producers {
  readonly #world: World;
  /** Acknowledged half messages whose local transaction is running in the present life. */
  #executing: SentMessage[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** A new life knows nothing of the transactions that ran in the one before. */
  newLife(): void {
    this.#executing = [];
  }

  send(life: BrokerLife): void {
    const waitsForDisk = !this.#world.chance(10);
    const { message, sent } = this.#make('normal', 0, waitsForDisk);
    this.#answerOf(life, sent, life.broker.send(message));
  }

  burst(life: BrokerLife): void {
    for (let rest = 2 + this.#world.choices.nextInt(12); rest > 0; rest--) this.send(life);
  }

  delayed(life: BrokerLife): void {
    const delayLevel = 1 + this.#world.choices.nextInt(DELAYS_MS.length - 1);
    const { message, sent } = this.#make('delayed', DELAYS_MS[delayLevel]!, true);
    this.#answerOf(life, sent, life.broker.send({ ...message, delayLevel }));
  }

  timed(life: BrokerLife): void {
    const delayMs = this.#world.oneOf(TIMES_MS);
    const isDelay = delayMs >= 0 && this.#world.chance(50);
    const { message, sent } = this.#make(delayMs > 0 ? 'timed' : 'normal', Math.max(delayMs, 0), true);
    const time = isDelay ? { delayMs } : { deliverAtMs: this.#world.clock.now() + delayMs };
    this.#answerOf(life, sent, life.broker.send({ ...message, ...time }));
  }

  /** Mostly what still waits, sometimes what is on its way or gone. */
  recall(life: BrokerLife): void {
    const world = this.#world;
    const earliestMs = world.clock.now() - world.oneOf([-1, 2000, 60_000]);
    const timed = [...world.model.messages].filter(
      (message) => message.recallHandle !== undefined && message.dueMs > earliestMs,
    );
    if (timed.length > 0) recall(world, life, world.oneOf(timed));
  }

  batch(life: BrokerLife): void {
    const topic = this.#world.oneOf(TOPICS);
    const made = Array.from({ length: 1 + this.#world.choices.nextInt(5) }, () => this.#make('normal', 0, true, topic));
    const { model } = this.#world;
    life.follow(
      `batch of ${made.map(({ sent }) => sent.id).join()}`,
      life.broker.sendBatch(made.map(({ message }) => message)),
      (result) => {
        for (const [index, { sent }] of made.entries())
          this.#world.violated(...model.acknowledged(sent, result, index));
        this.#noteAcknowledged(made.map(({ sent }) => sent));
      },
      // Some of them may have been stored.
      (code) => made.forEach(({ sent }) => model.refused(sent, `part of a batch: ${code}`)),
    );
  }

  half(life: BrokerLife): void {
    const { message, sent } = this.#make('transaction', 0, true);
    this.#answerOf(life, sent, life.broker.sendHalf(message, PRODUCER_GROUP), () => this.#executing.push(sent));
  }

  /** Ends the local transaction of one half message, or leaves it to the check-back. */
  endTransaction(life: BrokerLife): void {
    const world = this.#world;
    if (this.#executing.length === 0) return;
    const [sent] = this.#executing.splice(world.choices.nextInt(this.#executing.length), 1);
    const state = world.chance(25) ? 'UNKNOWN' : sent!.outcome;
    world.log(`  end ${sent!.id} with ${state}`);
    if (state === 'COMMIT') sent!.commitAsked = true;
    life.follow(`${state} of ${sent!.id}`, life.broker.endTransaction(sent!.transactionId!, state), () => {
      if (state === 'COMMIT') sent!.committed = true;
      if (state === 'ROLLBACK') sent!.rolledBack = true;
      world.log(`  ${sent!.id} is ended with ${state}`);
    });
  }

  /** Local transactions do not run for ever. */
  endAll(life: BrokerLife): void {
    while (this.#executing.length > 0) this.endTransaction(life);
  }

  #answerOf(
    life: BrokerLife,
    sent: SentMessage,
    sending: ReturnType<BrokerLife['broker']['send']>,
    onAcknowledged: () => void = () => undefined,
  ): void {
    life.follow(
      `send of ${sent.id}`,
      sending,
      (result) => {
        this.#world.violated(...this.#world.model.acknowledged(sent, result));
        this.#noteAcknowledged([sent]);
        onAcknowledged();
      },
      (code) => this.#world.model.refused(sent, code),
    );
  }

  #noteAcknowledged(messages: readonly SentMessage[]): void {
    this.#world.counts.acknowledged += messages.length;
    for (const { id, queueId, queueOffset } of messages) {
      this.#world.log(`  ${id} is acknowledged (${queueId}@${queueOffset})`);
    }
  }

  #make(
    kind: MessageKind,
    delayMs: number,
    waitsForDisk: boolean,
    topic: string = this.#world.oneOf(TOPICS),
  ): { readonly message: Message; readonly sent: SentMessage } {
    const world = this.#world;
    const { id, number } = world.model.nextId();
    const body = this.#body(id);
    const tags = world.oneOf(TAGS);
    const keys = world.oneOf([undefined, `key-${number}`, `key-${number} shared`]);
    const outcome = world.chance(70) ? 'COMMIT' : 'ROLLBACK';
    const dueMs = world.clock.now() + delayMs;
    const sent = world.model.add({ id, number, topic, body, tags, keys, dueMs, waitsForDisk }, kind, outcome);
    world.counts.sends += 1;
    world.log(`  send ${id} (${kind}) to ${topic}, ${body.length} bytes${waitsForDisk ? '' : ', not waiting'}`);
    const message = {
      topic,
      body,
      tags,
      keys,
      properties: world.chance(20) ? { a: `${number}` } : undefined,
      waitStoreMsgOK: waitsForDisk ? undefined : false,
    };
    return { message, sent };
  }

  /** Mostly small, sometimes a good part of a log file. */
  #body(id: string): Buffer {
    const { choices } = this.#world;
    const bytes = choices.nextInt(12) === 0 ? choices.nextInt(5000) : choices.nextInt(300);
    const filler = Array.from({ length: Math.ceil(bytes / 8) }, () => choices.nextInt(2 ** 32).toString(36));
    return Buffer.from(`${id}|${filler.join('').slice(0, bytes)}`);
  }
}
