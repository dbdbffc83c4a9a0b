import type { GroupAdmin, OffsetMove } from '../../lib/engine/admin/index.js';
import type { BrokerLife } from './broker-life.js';
import { GROUPS, isFor, type GroupPlan } from './consumer-plan.js';
import { mustBeDelivered, type SentMessage } from './sent-message.js';
import type { World } from './world.js';

/** Refusals that promise that no offset was moved. */
const REFUSALS = new Set(['GROUP_NOT_EXIST', 'TOPIC_NOT_EXIST', 'INVALID_OPTION']);

/** Where a group is to go on, and which messages it may leave out for that. */
interface Target {
  readonly what: string;
  readonly move: (groups: GroupAdmin) => Promise<readonly OffsetMove[]>;
  readonly mayLeaveOut: (message: SentMessage) => boolean;
}

/** Moves a group back or forth by the admin API, whether it has members or not. */
export function moveGroup(world: World, life: BrokerLife): void {
  const plan = world.oneOf(GROUPS);
  if ([...world.model.groupMoves].some((other) => other instanceof GroupMove && other.plan === plan)) return;
  const target = chooseTarget(world, plan);
  if (target === undefined) return;
  world.log(`  ${target.what}`);
  // Messages come again.
  world.model.isUndisturbed = false;
  new GroupMove(world, plan, target).run(life);
}

function chooseTarget(world: World, plan: GroupPlan): Target | undefined {
  const { group } = plan;
  const topic = world.chance(50) ? world.oneOf(plan.topics) : undefined;
  const isMeant = (message: SentMessage): boolean => topic === undefined || message.topic === topic;
  const where = `in ${topic ?? 'all topics'}`;
  switch (world.oneOf(['time', 'offset', 'offset', 'end'] as const)) {
    case 'time': {
      const timeMs = Math.max(0, world.clock.now() - world.oneOf([0, 500, 5000, 1_000_000]));
      return {
        what: `move ${group} to ${world.clock.now() - timeMs} ms ago ${where}`,
        move: (groups) => groups.resetToTimestamp(group, timeMs, { topic }),
        mayLeaveOut: isMeant,
      };
    }
    case 'offset':
      return chooseOffset(world, plan);
    default:
      return {
        what: `move ${group} to the end ${where}`,
        move: (groups) => groups.skipBacklog(group, { topic }),
        mayLeaveOut: isMeant,
      };
  }
}

/** To a message whose place is known. */
function chooseOffset(world: World, { group, topics }: GroupPlan): Target | undefined {
  const known = [...world.model.messages].filter(({ kind, topic, queueOffset }) => {
    return kind === 'normal' && topics.includes(topic) && queueOffset !== undefined;
  });
  if (known.length === 0) return undefined;
  const { topic, queueId, queueOffset } = world.oneOf(known);
  const offset = queueOffset!;
  return {
    what: `move ${group} to ${queueId}@${offset} of ${topic}`,
    move: (groups) => groups.resetToOffset(group, { topic, queueId, offset }),
    mayLeaveOut: (message) => message.topic === topic && (!isPlaced(message) || isAt(message, queueId!, 0, offset)),
  };
}

class GroupMove {
  readonly plan: GroupPlan;
  readonly #world: World;
  readonly #target: Target;
  /** Messages that may be before the place to which the group is moved. */
  readonly #doubtful = new Set<SentMessage>();
  /** How often each message had come when the move was asked for. */
  readonly #times = new Map<SentMessage, number>();

  constructor(world: World, plan: GroupPlan, target: Target) {
    this.#world = world;
    this.plan = plan;
    this.#target = target;
  }

  run(life: BrokerLife): void {
    const { model } = this.#world;
    for (const sent of model.messages) this.onSent(sent);
    model.groupMoves.add(this);
    const moving = this.#target.move(life.broker.admin.groups).catch(noneWhenRefused);
    life.follow(
      this.#target.what,
      moving,
      (moves) => {
        model.groupMoves.delete(this);
        if (moves !== undefined) this.#onMoved(moves);
      },
      () => model.groupMoves.delete(this),
    );
  }

  onSent(sent: SentMessage): void {
    if (!isFor(this.plan, sent)) return;
    const delivery = this.#world.model.delivery(this.plan.group, sent.id);
    this.#times.set(sent, delivery.times);
    if (delivery.isSkipped || !this.#target.mayLeaveOut(sent)) return;
    this.#doubtful.add(sent);
    delivery.isSkipped = true;
  }

  /** From now on all that lies behind the new places comes, be it again. */
  #onMoved(moves: readonly OffsetMove[]): void {
    const { model, clock } = this.#world;
    const { group } = this.plan;
    for (const { topic, queueId, from, to } of moves)
      this.#world.log(`  ${group}: ${topic}:${queueId} ${from} -> ${to}`);
    for (const [sent, times] of this.#times) {
      const delivery = model.delivery(group, sent.id);
      // What is not due yet is stored later than all that the group may have left out.
      if (this.#doubtful.has(sent) && sent.dueMs > clock.now()) delivery.isSkipped = false;
      if (!isPlaced(sent) || !moves.some((move) => move.topic === sent.topic && isAt(sent, move.queueId, move.to)))
        continue;
      delivery.isSkipped = false;
      if (mustBeDelivered(sent)) delivery.mustComeAfter = Math.max(delivery.mustComeAfter, times);
    }
  }
}

function isPlaced({ kind, queueOffset }: SentMessage): boolean {
  return kind === 'normal' && queueOffset !== undefined;
}

function isAt({ queueId, queueOffset }: SentMessage, inQueue: number, from: number, before = Infinity): boolean {
  return queueId === inQueue && queueOffset! >= from && queueOffset! < before;
}

function noneWhenRefused(error: unknown): undefined {
  const { code } = error as { code?: string };
  if (code === undefined || !REFUSALS.has(code)) throw error;
}
