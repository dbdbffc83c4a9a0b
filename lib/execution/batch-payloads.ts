import type { BatchContext, MessageExt } from '../engine/index.js';
import type { HandlerSite } from './handler-site.js';
import { saysNo, settleRefusalInBatch } from './refusal.js';
import { RocketContext } from './rocket-context.js';

/** What a batch listener is called with. The arrays are this call's own. */
export interface BatchCall {
  readonly payloads: unknown[];
  readonly messages: MessageExt[];
  readonly batch: BatchContext;
}

/** A message of a call that no pipe has refused, with its payload as it was before the pipes. */
interface Candidate {
  readonly raw: unknown;
  readonly message: MessageExt;
}

/** An interceptor may let the pipes of a call run more than once, such as with rxjs' `retry`. */
interface Progress {
  readonly call: BatchCall;
  /** Undefined before the first run. */
  left?: readonly Candidate[];
  refusal?: unknown;
}

/** Lets pipes see the payloads of a batch one by one: an invalid one takes its own message out of the batch, and not the whole batch down. */
export class BatchPayloads {
  readonly #site: HandlerSite;
  readonly #calls = new WeakMap<object, Progress>();
  readonly #allRefused = new WeakSet<object>();

  constructor(site: HandlerSite) {
    this.#site = site;
  }

  /** To be called before {@link transform} is. */
  enter(call: BatchCall): void {
    this.#calls.set(call.payloads, { call });
  }

  /** Throws when no payload is left, so that the handler is not called for nothing. */
  async transform(payloads: unknown[], transformOne: (payload: unknown) => Promise<unknown>): Promise<unknown[]> {
    const progress = this.#calls.get(payloads);
    if (progress === undefined) return payloads;
    const { call } = progress;
    const candidates = progress.left ?? payloads.map((raw, index) => ({ raw, message: call.messages[index]! }));
    const outcomes = await Promise.allSettled(candidates.map(({ raw }) => transformOne(raw)));
    const kept: (Candidate & { readonly payload: unknown })[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const candidate = candidates[index]!;
      if (outcome.status === 'fulfilled') {
        kept.push({ ...candidate, payload: outcome.value });
        continue;
      }
      if (!saysNo(outcome.reason)) throw outcome.reason;
      progress.refusal ??= outcome.reason;
      // What is behind a failed message of an orderly batch comes again after it.
      if (this.#refuse(call.batch, candidate.message, outcome.reason) && this.#site.isOrderly) break;
    }
    progress.left = kept;
    payloads.splice(0, payloads.length, ...kept.map(({ payload }) => payload));
    call.messages.splice(0, call.messages.length, ...kept.map(({ message }) => message));
    if (kept.length > 0 || progress.refusal === undefined) return payloads;
    this.#allRefused.add(progress.refusal as object);
    throw progress.refusal;
  }

  /** True for the error by which {@link transform} says that each message has been dealt with. */
  isSettled(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#allRefused.has(error);
  }

  #refuse(batch: BatchContext, message: MessageExt, error: unknown): boolean {
    return settleRefusalInBatch(batch, new RocketContext(message, this.#site), this.#site.onInvalidPayload, error);
  }
}
