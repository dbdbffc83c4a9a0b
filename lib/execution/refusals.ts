import { AsyncLocalStorage } from 'node:async_hooks';
import { BatchPayloads } from './batch-payloads.js';
import type { HandlerSite } from './handler-site.js';
import type { PipelineObserver } from './message-context-creator.js';
import { saysNo, settleRefusal, type RefusalReason } from './refusal.js';
import type { RocketContext } from './rocket-context.js';

/**
 * The refusals of the call that is under way, and of no other: one object may be thrown by the guard of one message and by the handler of another. One storage for all
 * handlers, since each one costs every promise of the process something.
 */
const ofThisCall = new AsyncLocalStorage<Map<unknown, RefusalReason>>();

/**
 * Remembers which errors of a handler's pipeline are refusals, until they have come out of it: in between, the filters may catch them, and must see them as they were thrown.
 */
export class Refusals implements PipelineObserver {
  readonly batches: BatchPayloads | undefined;
  readonly #site: HandlerSite;

  constructor(site: HandlerSite) {
    this.#site = site;
    this.batches = site.isBatch ? new BatchPayloads(site) : undefined;
  }

  guardThrew(error: unknown): void {
    this.#remember(error, 'FORBIDDEN');
  }

  pipeThrew(error: unknown): void {
    this.#remember(error, 'INVALID_PAYLOAD');
  }

  /** Calls a handler with all that stands around it. Does with a refused message what the listener says; throws every other error again. */
  async settled(context: RocketContext, delivered: unknown, call: () => Promise<unknown>): Promise<unknown> {
    const reasons = new Map<unknown, RefusalReason>();
    try {
      return await ofThisCall.run(reasons, call);
    } catch (error) {
      if (this.batches?.isSettled(delivered, error) === true) return undefined;
      return this.#settle(context, reasons.get(error), error);
    }
  }

  #settle(context: RocketContext, reason: RefusalReason | undefined, error: unknown): undefined {
    if (reason === undefined) throw error;
    const action = reason === 'FORBIDDEN' ? this.#site.onForbidden : this.#site.onInvalidPayload;
    return settleRefusal(context, reason, action, error);
  }

  #remember(error: unknown, reason: RefusalReason): void {
    if (saysNo(error)) ofThisCall.getStore()?.set(error, reason);
  }
}
