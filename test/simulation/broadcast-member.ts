import type { Consumer, MessageExt } from '../../lib/engine/types/index.js';
import type { BrokerLife } from './broker-life.js';
import { isFor, type GroupPlan } from './consumer-plan.js';
import { idOf, mustBeDelivered } from './sent-message.js';
import type { World } from './world.js';

const PLAN: GroupPlan = {
  group: 'everyone',
  topics: ['payments', 'audit'],
  mode: 'CONCURRENTLY',
  expression: '*',
  maxReconsumeTimes: 2,
  concurrency: 2,
};

/** A member of a broadcasting group: it gets each message of its topics from the first one on, and none a second time, whatever its handler says. */
export class BroadcastMember {
  readonly #world: World;
  readonly #number: number;
  readonly #seenIds = new Set<string>();
  readonly #seenPlaces = new Set<string>();
  #consumer: Consumer | undefined;

  constructor(world: World, number: number) {
    this.#world = world;
    this.#number = number;
  }

  join(life: BrokerLife, onFailed: () => void): void {
    const { group, topics, mode, concurrency, maxReconsumeTimes } = PLAN;
    const subscriptions = topics.map((topic) => ({
      topic,
      consumeMode: mode,
      concurrency,
      maxReconsumeTimes,
      handler: (message: MessageExt) => this.#handle(life, message),
    }));
    this.#world.log(`  member ${this.#number} joins ${group}`);
    const joining = life.broker.subscribe({
      group,
      messageModel: 'BROADCASTING',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions,
    });
    const what = `joining of member ${this.#number}`;
    life.follow(what, joining, (consumer) => (this.#consumer = consumer), onFailed);
  }

  /** @returns false as long as it has not joined */
  leave(life: BrokerLife): boolean {
    if (this.#consumer === undefined) return false;
    this.#world.log(`  member ${this.#number} leaves ${PLAN.group}`);
    life.follow(`leaving of member ${this.#number}`, this.#consumer.close({ timeoutMs: 0 }), () => undefined);
    return true;
  }

  /** Messages that it has not had. */
  owed(): string[] {
    return [...this.#world.model.messages]
      .filter(
        (message) =>
          mustBeDelivered(message) && !message.isGone && isFor(PLAN, message) && !this.#seenIds.has(message.id),
      )
      .map(({ id }) => `${PLAN.group}, member ${this.#number}: ${id}`);
  }

  #handle(life: BrokerLife, message: MessageExt): void | Promise<void> {
    if (!life.isAlive) return new Promise(() => undefined);
    const world = this.#world;
    const id = idOf(message.body);
    const place = `${message.topic}:${message.queueId}@${message.queueOffset}`;
    world.counts.deliveries += 1;
    world.sawVisible(message);
    world.log(`  member ${this.#number} of ${PLAN.group} gets ${id} (${place})`);
    world.violated(...world.model.faultsOfDelivery(PLAN, message, world.clock.now()));
    if (message.reconsumeTimes > 0) world.violated(`${PLAN.group} got a retry of ${id}`);
    if (this.#seenPlaces.has(place))
      world.violated(`member ${this.#number} of ${PLAN.group} got ${id} twice (${place})`);
    this.#seenPlaces.add(place);
    this.#seenIds.add(id);
    const sent = world.model.get(id);
    if (sent !== undefined) sent.isDelivered = true;
    if (!world.isHealing && world.chance(20)) throw new Error('simulated failure');
  }
}
