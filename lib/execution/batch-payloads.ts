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

/** Lets pipes see the payloads of a batch one by one: an invalid one takes its own message out of the batch, and not the whole batch down. */
export class BatchPayloads {
  readonly #site: HandlerSite;
  readonly #calls = new WeakMap<object, BatchCall>();
  readonly #allRefused = new WeakSet<object>();

  constructor(site: HandlerSite) {
    this.#site = site;
  }

  /** To be called before {@link transform} is. */
  enter(call: BatchCall): void {
    this.#calls.set(call.payloads, call);
  }

  /** Throws when no payload is left, so that the handler is not called for nothing. */
  async transform(payloads: unknown[], transformOne: (payload: unknown) => Promise<unknown>): Promise<unknown[]> {
    const call = this.#calls.get(payloads);
    if (call === undefined) return payloads;
    const outcomes = await Promise.allSettled(payloads.map((payload) => transformOne(payload)));
    const kept: { readonly payload: unknown; readonly message: MessageExt }[] = [];
    let refusal: unknown;
    for (const [index, outcome] of outcomes.entries()) {
      const message = call.messages[index]!;
      if (outcome.status === 'fulfilled') {
        kept.push({ payload: outcome.value, message });
        continue;
      }
      if (!saysNo(outcome.reason)) throw outcome.reason;
      refusal ??= outcome.reason;
      // What is behind a failed message of an orderly batch comes again after it.
      if (this.#refuse(call.batch, message, outcome.reason) && this.#site.isOrderly) break;
    }
    payloads.splice(0, payloads.length, ...kept.map(({ payload }) => payload));
    call.messages.splice(0, call.messages.length, ...kept.map(({ message }) => message));
    if (kept.length > 0 || outcomes.length === 0) return payloads;
    this.#allRefused.add(refusal as object);
    throw refusal;
  }

  /** True for the error by which {@link transform} says that each message has been dealt with. */
  isSettled(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#allRefused.has(error);
  }

  #refuse(batch: BatchContext, message: MessageExt, error: unknown): boolean {
    return settleRefusalInBatch(batch, new RocketContext(message, this.#site), this.#site.onInvalidPayload, error);
  }
}
