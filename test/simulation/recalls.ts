import type { BrokerLife } from './broker-life.js';
import type { SentMessage } from './sent-message.js';
import type { World } from './world.js';

/** Refusals that promise that this recall has changed nothing. */
const REFUSALS = ['RECALL_TOO_LATE', 'ALREADY_RECALLED', 'RECALL_HANDLE_ILLEGAL'] as const;
type Refusal = (typeof REFUSALS)[number];

/** Takes a timed message back, and compares the answer with what is known of the message. */
export function recall(world: World, life: BrokerLife, sent: SentMessage): void {
  world.log(`  recall ${sent.id}, due in ${sent.dueMs - world.clock.now()} ms`);
  sent.openRecalls += 1;
  const recalling = life.broker.recall(sent.topic, sent.recallHandle!).then(() => undefined, refusalOf);
  // A recall that ends in any other way, or is not heard of, may have come into force.
  life.follow(`recall of ${sent.id}`, recalling, (refusal) => {
    world.log(`  recall of ${sent.id}: ${refusal ?? 'done'}`);
    if (refusal !== undefined) sent.openRecalls -= 1;
    world.violated(...faultsOf(world, sent, refusal).map((fault) => `recall of ${sent.id}: ${fault}`));
    if (refusal === undefined || refusal === 'ALREADY_RECALLED') sent.isRecalled = true;
  });
}

function faultsOf(world: World, sent: SentMessage, refusal: Refusal | undefined): string[] {
  const mayBeRecalled = sent.isRecalled || sent.openRecalls > 0;
  const leftMs = sent.dueMs - world.clock.now();
  switch (refusal) {
    case undefined:
      return sent.isDelivered ? ['acknowledged after the message was delivered'] : [];
    case 'RECALL_TOO_LATE':
      return leftMs > 0 ? [`said to be too late ${leftMs} ms before the time`] : [];
    case 'ALREADY_RECALLED':
      return mayBeRecalled ? [] : ['said to be recalled before, which nobody did'];
    default:
      return mayBeRecalled || sent.isExcused || sent.isWaitingGone ? [] : ['its handle is refused'];
  }
}

function refusalOf(error: unknown): Refusal {
  const { code } = error as { code?: string };
  const refusal = REFUSALS.find((known) => known === code);
  if (refusal === undefined) throw error;
  return refusal;
}
