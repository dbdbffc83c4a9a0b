import type { GroupConsumer } from '../../../lib/engine/consume/index.js';
import type { ConsumeMode, MessageExt } from '../../../lib/engine/types/index.js';
import { ConsumeHarness } from './consume-harness.js';
import { draftOf, StoreHarness } from '../delivery/store-harness.js';

export const QUEUES = 4;
const CONCURRENCY = 3;
const TOPIC = 'orders';
const GROUP = 'shop';

/** One step of a run; `pick` chooses among what is there at that moment. */
export type Step =
  | { readonly kind: 'send'; readonly queueId: number; readonly count: number }
  | { readonly kind: 'join' }
  | { readonly kind: 'leave' | 'leave at once' | 'pause' | 'end' | 'fail'; readonly pick: number }
  | { readonly kind: 'wait'; readonly ms: number }
  /** As the admin API does it, to one of the places in the queue. */
  | { readonly kind: 'move'; readonly queueId: number; readonly pick: number }
  /** The disk takes no failed messages from now on, or takes them again. */
  | { readonly kind: 'retries'; readonly isRefused: boolean }
  | { readonly kind: 'crash' };

interface Delivery {
  readonly member: SimulatedMember;
  /** One, or those of a batch. */
  readonly messages: readonly MessageExt[];
  /** All are done; or, in a batch, the first `doneCount`. */
  readonly end: (doneCount: number, error?: Error) => void;
}

interface SimulatedMember {
  readonly clientId: string;
  consumer: GroupConsumer | undefined;
  paused: boolean;
  hasLeft: boolean;
  /** Its process was killed: what it still does is no part of the simulation. */
  isDead: boolean;
}

/** Where the group was moved to in a queue, and what has become of the messages from there on since. */
class Move {
  readonly offset: number;
  /** Messages that came from the queue, not as a retry. */
  readonly begun = new Set<string>();
  /** Messages that are done, or were to become dead letters. */
  readonly over = new Set<string>();

  constructor(offset: number) {
    this.offset = offset;
  }
}

const attemptOf = (message: MessageExt): string => `${message.body.toString()}#${message.reconsumeTimes + 1}`;
const queueOf = (body: string): string => body.split('-')[0]!;
/** A retry lies in another queue than the message itself. */
const numberOfQueue = ({ body }: MessageExt): number => Number(queueOf(body.toString()).slice('q'.length));

export interface SimulationOptions {
  readonly mode: ConsumeMode;
  /** 1: messages come one by one. */
  readonly batchSize: number;
  /** In order: −1 for attempts without end. */
  readonly maxReconsumeTimes: number;
}

/** A group under random joins, leaves, moves, answers and crashes, and what a user may expect of it. */
export class Simulation {
  harness!: ConsumeHarness;
  readonly mode: ConsumeMode;
  readonly batchSize: number;
  readonly maxReconsumeTimes: number;
  readonly members: SimulatedMember[] = [];
  readonly sent: string[] = [];
  /** Handlers that are running, in the order of their starts. */
  running: Delivery[] = [];
  /** How often a message was handled to a good end. */
  readonly succeeded = new Map<string, number>();
  readonly succeededInOrder: string[] = [];
  /** Deliveries so far, by message and attempt. */
  readonly started = new Map<string, number>();
  /**
   * Messages whose deliveries may be repeated: a handler was given up, or the group ended, or the process. When a delivery is repeated that had
   * led to a retry, all further attempts come twice.
   */
  readonly repeatable = new Set<string>();
  /** The last one of each queue. At first it is as if the group had been moved to the beginning. */
  readonly #moves = Array.from({ length: QUEUES }, () => new Move(0));
  /** Deliveries that began before the group was moved in their queue. */
  readonly #ofOldPlaces = new WeakSet<MessageExt>();
  #refusesRetries = false;
  readonly complaints: string[] = [];
  readonly #closing: Promise<unknown>[] = [];
  readonly #abandoned: ConsumeHarness[] = [];
  #names = 0;
  /** A message that was given up, or kept in memory because its retry could not be stored, may hold the offset back. */
  #isHeldBack = false;
  readonly #born: SimulatedMember[] = [];
  readonly #givenUp: Delivery[] = [];

  private constructor({ mode, batchSize, maxReconsumeTimes }: SimulationOptions) {
    this.mode = mode;
    this.batchSize = batchSize;
    this.maxReconsumeTimes = maxReconsumeTimes;
  }

  static async open(options: SimulationOptions): Promise<Simulation> {
    const simulation = new Simulation(options);
    // All delays are short, so that a run need not go through hours.
    const messageDelayLevel = Array.from({ length: 18 }, () => '1s').join(' ');
    simulation.harness = await simulation.#consumeOn(await StoreHarness.open({ messageDelayLevel }));
    await simulation.harness.createTopic(TOPIC, QUEUES);
    return simulation;
  }

  async run(step: Step): Promise<void> {
    await this.#do(step);
    await this.#rest();
    this.#check();
  }

  /** Lets everything that is owed be delivered. */
  async finish(): Promise<void> {
    this.#refusesRetries = false;
    for (const member of this.members) this.#setPaused(member, false);
    if (this.members.length === 0) await this.run({ kind: 'join' });
    // What is still owed comes within some retries; a while of silence after it shows that nothing comes twice.
    for (let silentMinutes = 0, minutes = 0; silentMinutes < 3 && minutes < 600; minutes++) {
      while (this.running.length > 0) {
        for (const delivery of this.running.splice(0)) this.#answer(delivery);
        await this.#rest();
      }
      if (this.owed().length === 0) silentMinutes++;
      await this.harness.store.clock.advance(60_000, () => this.#rest());
    }
    this.#check();
    // Handlers of processes that were killed, so that what is left of these can be taken down.
    for (const { messages, end } of this.#givenUp) end(messages.length);
    await Promise.all(this.#closing);
    for (const harness of [...this.#abandoned, this.harness]) await harness.close();
  }

  /** Messages behind the place to which the group was moved last, or from the beginning, that have not been handled from there on. */
  owed(): readonly string[] {
    return this.#moves.flatMap(({ offset, begun, over }, queueId) =>
      this.#sentTo(queueId)
        .slice(offset)
        .filter((body) => !begun.has(body) || !over.has(body)),
    );
  }

  /** In the order of their offsets, from 0. */
  #sentTo(queueId: number): readonly string[] {
    return this.sent.filter((body) => queueOf(body) === `q${queueId}`);
  }

  #consumeOn(store: StoreHarness): Promise<ConsumeHarness> {
    store.refuseAppends(({ reconsumeTimes }) => this.#refusesRetries && reconsumeTimes > 0);
    return ConsumeHarness.on(store);
  }

  async #do(step: Step): Promise<void> {
    switch (step.kind) {
      case 'send': {
        const { store } = this.harness.store.context;
        const bodies = Array.from({ length: step.count }, () => `q${step.queueId}-${this.#names++}`);
        this.sent.push(...bodies);
        await Promise.all(bodies.map((body) => store.append({ ...draftOf(TOPIC, body), queueId: step.queueId })));
        return;
      }
      case 'join':
        return this.#join();
      case 'leave':
      case 'leave at once': {
        const member = this.#pick(this.members, step.pick);
        if (member !== undefined) this.#leave(member, step.kind === 'leave at once');
        return;
      }
      case 'pause': {
        const member = this.#pick(this.members, step.pick);
        if (member !== undefined) this.#setPaused(member, !member.paused);
        return;
      }
      case 'end':
      case 'fail': {
        const delivery = this.#pick(this.running, step.pick);
        if (delivery === undefined) return;
        this.running.splice(this.running.indexOf(delivery), 1);
        if (step.kind === 'end') this.#answer(delivery);
        else this.#fail(delivery, step.pick % delivery.messages.length);
        return;
      }
      case 'wait':
        return this.harness.store.clock.advance(step.ms, () => this.#rest());
      case 'move':
        return this.#move(step.queueId, step.pick % (this.#sentTo(step.queueId).length + 1));
      case 'retries':
        this.#refusesRetries = step.isRefused;
        return;
      case 'crash':
        return this.#crash();
    }
  }

  async #join(): Promise<void> {
    const member: SimulatedMember = {
      clientId: `member-${this.#names++}`,
      consumer: undefined,
      paused: false,
      hasLeft: false,
      isDead: false,
    };
    this.#born.push(member);
    const handlers =
      this.batchSize === 1
        ? { handler: (message: MessageExt) => this.#start(member, [message]) }
        : {
            batchHandler: (messages: readonly MessageExt[]) => this.#start(member, messages),
            batchSize: this.batchSize,
          };
    member.consumer = await this.harness.subscribe(
      GROUP,
      {
        topic: TOPIC,
        consumeMode: this.mode,
        concurrency: CONCURRENCY,
        maxReconsumeTimes: this.maxReconsumeTimes,
        ...handlers,
        pullThresholdForQueue: 5,
      },
      { clientId: member.clientId },
    );
    this.members.push(member);
  }

  #leave(member: SimulatedMember, atOnce: boolean): void {
    this.members.splice(this.members.indexOf(member), 1);
    member.hasLeft = true;
    if (this.members.length === 0) this.#groupEnds(atOnce);
    if (atOnce) this.#giveUp(this.running.filter((delivery) => delivery.member === member));
    // More than a simulated run lasts: the handlers of the model always end in time.
    this.#closing.push(member.consumer!.close({ timeoutMs: atOnce ? 0 : 2 ** 40 }));
  }

  async #move(queueId: number, offset: number): Promise<void> {
    for (const message of this.running.flatMap(({ messages }) => messages)) {
      if (numberOfQueue(message) === queueId) this.#ofOldPlaces.add(message);
    }
    for (const body of this.#sentTo(queueId)) this.repeatable.add(body);
    this.#moves[queueId] = new Move(offset);
    const { consume } = this.harness;
    consume.offsets.set(TOPIC, GROUP, queueId, offset);
    consume.move(GROUP, TOPIC, queueId, offset);
    await consume.offsets.flush();
  }

  async #crash(): Promise<void> {
    const next = await this.#consumeOn(await this.harness.store.crashed());
    this.#abandoned.push(this.harness);
    this.harness = next;
    this.members.length = 0;
    for (const member of this.#born) member.isDead = true;
    this.#giveUp(this.running);
    // Offsets and the places in delay levels go back some seconds, each by its own measure.
    for (const body of this.sent) this.repeatable.add(body);
  }

  /**
   * The next group begins at the committed offsets. Orderly attempts are counted in memory and begin again. When a message has held the
   * offset back, what was done behind it is repeated.
   */
  #groupEnds(atOnce: boolean): void {
    this.#isHeldBack ||= atOnce;
    if (this.mode === 'CONCURRENTLY' && !this.#isHeldBack) return;
    for (const body of this.sent) this.repeatable.add(body);
  }

  #giveUp(deliveries: readonly Delivery[]): void {
    this.running = this.running.filter((delivery) => !deliveries.includes(delivery));
    this.#givenUp.push(...deliveries);
    this.#isHeldBack ||= deliveries.length > 0;
    for (const message of deliveries.flatMap(({ messages }) => messages)) this.repeatable.add(message.body.toString());
  }

  #start(member: SimulatedMember, messages: readonly MessageExt[]): Promise<number> {
    if (member.isDead) return Promise.resolve(messages.length);
    for (const message of messages) this.#checkStart(member, message, messages);
    return new Promise((resolve, reject) => {
      const end = (doneCount: number, error?: Error): void =>
        error === undefined ? resolve(doneCount) : reject(error);
      this.running.push({ member, messages, end });
    });
  }

  #checkStart(member: SimulatedMember, message: MessageExt, together: readonly MessageExt[]): void {
    if (message.reconsumeTimes === 0 || this.mode === 'ORDERLY') this.#checkPlace(message, together);
    const key = attemptOf(message);
    const times = (this.started.get(key) ?? 0) + 1;
    this.started.set(key, times);
    // In an orderly batch the messages behind the one that failed come again without having been tried.
    const isBehind = this.mode === 'ORDERLY' && this.batchSize > 1;
    if (times > 1 && !isBehind && !this.repeatable.has(message.body.toString()))
      this.complaints.push(`${key} was delivered ${times} times`);
    if (member.hasLeft) this.complaints.push(`${key} came to ${member.clientId}, which had left`);
    if (member.paused) this.complaints.push(`${key} came to ${member.clientId}, which was paused`);
  }

  /** A message that comes from the queue. */
  #checkPlace({ body, queueId, queueOffset }: MessageExt, together: readonly MessageExt[]): void {
    const { offset, begun, over } = this.#moves[queueId]!;
    begun.add(body.toString());
    if (queueOffset < offset) this.complaints.push(`${body.toString()} came, before the place ${offset} of the group`);
    if (this.mode === 'CONCURRENTLY') return;
    const before = new Set(this.#sentTo(queueId).slice(offset, queueOffset));
    for (const other of together) before.delete(other.body.toString());
    for (const other of before) {
      if (!over.has(other)) this.complaints.push(`${body.toString()} came before ${other} was done`);
    }
  }

  #answer(delivery: Delivery): void {
    for (const message of delivery.messages) this.#succeed(message);
    delivery.end(delivery.messages.length);
  }

  /** A batch fails as a whole when none of it is done, else only what is behind the first ones. */
  #fail(delivery: Delivery, doneCount: number): void {
    const { messages, end } = delivery;
    for (const message of messages.slice(0, doneCount)) this.#succeed(message);
    const failed = messages.slice(doneCount, doneCount === 0 ? undefined : doneCount + 1);
    const isLast = ({ reconsumeTimes }: MessageExt): boolean =>
      this.maxReconsumeTimes >= 0 && reconsumeTimes >= this.maxReconsumeTimes;
    for (const message of failed.filter(isLast)) this.#isOver(message);
    if (this.#refusesRetries) {
      this.#isHeldBack = true;
      // The group may end with this handler.
      if (this.members.length === 0) this.#groupEnds(false);
    }
    end(doneCount, doneCount === 0 ? new Error('not now') : undefined);
  }

  #isOver(message: MessageExt): void {
    if (this.#ofOldPlaces.has(message)) return;
    this.#moves[numberOfQueue(message)]!.over.add(message.body.toString());
  }

  #succeed(message: MessageExt): void {
    this.#isOver(message);
    const body = message.body.toString();
    this.succeeded.set(body, (this.succeeded.get(body) ?? 0) + 1);
    this.succeededInOrder.push(body);
  }

  #setPaused(member: SimulatedMember, paused: boolean): void {
    member.paused = paused;
    if (paused) member.consumer!.pause();
    else member.consumer!.resume();
  }

  #check(): void {
    for (const [clientId, running] of countBy(this.running, ({ member }) => member.clientId)) {
      if (running > CONCURRENCY) this.complaints.push(`${clientId} runs ${running} handlers`);
    }
    if (this.mode === 'ORDERLY') {
      for (const [queue, running] of countBy(this.running, ({ messages }) => queueOf(messages[0]!.body.toString()))) {
        if (running > 1) this.complaints.push(`${running} messages of ${queue} are handled at once`);
      }
    }
    this.#checkOffsets();
    expect(this.complaints).toEqual([]);
  }

  /** No offset may be committed beyond a message that is being handled for the first time. */
  #checkOffsets(): void {
    const committed = this.harness.offsets(TOPIC, GROUP);
    for (const message of this.running.flatMap(({ messages }) => messages)) {
      // It moves the offset no more.
      if (this.#ofOldPlaces.has(message)) continue;
      const isFirst = message.reconsumeTimes === 0 || this.mode === 'ORDERLY';
      if (isFirst && (committed[message.queueId] ?? 0) > message.queueOffset) {
        this.complaints.push(`${attemptOf(message)} is under way, but ${committed[message.queueId]} is committed`);
      }
    }
  }

  /** Enough for all that is under way in memory; handlers stay as they are. */
  async #rest(): Promise<void> {
    for (let turn = 0; turn < 40; turn++) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  #pick<T>(list: readonly T[], pick: number): T | undefined {
    return list.length === 0 ? undefined : list[pick % list.length];
  }
}

function countBy<T>(list: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of list) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

/** The messages of each queue, in the order given. */
export const byQueue = (bodies: readonly string[]): readonly (readonly string[])[] =>
  Array.from({ length: QUEUES }, (_, queueId) => bodies.filter((body) => queueOf(body) === `q${queueId}`));

/** Runs the steps, and then until nothing is owed any more. */
export async function simulate(options: SimulationOptions, steps: readonly Step[]): Promise<Simulation> {
  const simulation = await Simulation.open(options);
  for (const step of steps) await simulation.run(step);
  await simulation.finish();
  return simulation;
}
