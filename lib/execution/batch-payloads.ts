import type { MessageExt } from '../engine/index.js';
import type { HandlerSite } from './handler-site.js';
import { saysNo, settleRefusalInBatch, type BatchRemarks } from './refusal.js';
import { RocketContext } from './rocket-context.js';

/** What a batch listener is called with. The arrays are this call's own. */
export interface BatchCall {
  readonly payloads: unknown[];
  readonly messages: MessageExt[];
  readonly batch: BatchRemarks;
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
  /** No payload was left, and the refusal was thrown to say so. */
  isAllRefused?: boolean;
}

/** Lets pipes see the payloads of a batch one by one: an invalid one takes its own message out of the batch, and not the whole batch down. */
export class BatchPayloads {
  readonly #site: HandlerSite;
  readonly #calls = new WeakMap<object, Progress>();

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
    progress.isAllRefused = true;
    throw progress.refusal;
  }

  /** True for the error by which {@link transform} says that each message has been dealt with. */
  isSettled(payloads: unknown, error: unknown): boolean {
    const progress = this.#calls.get(payloads as object);
    return progress?.isAllRefused === true && progress.refusal === error;
  }

  #refuse(batch: BatchRemarks, message: MessageExt, error: unknown): boolean {
    return settleRefusalInBatch(batch, new RocketContext(message, this.#site), this.#site.onInvalidPayload, error);
  }
}
