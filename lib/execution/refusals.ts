import { BatchPayloads } from './batch-payloads.js';
import type { HandlerSite } from './handler-site.js';
import type { PipelineObserver } from './message-context-creator.js';
import { saysNo, settleRefusal, type RefusalReason } from './refusal.js';
import type { RocketContext } from './rocket-context.js';

/**
 * Remembers which errors of a handler's pipeline are refusals, until they have come out of it: in between, the filters may catch them, and must see them as they were thrown.
 */
export class Refusals implements PipelineObserver {
  readonly batches: BatchPayloads | undefined;
  readonly #site: HandlerSite;
  readonly #reasons = new WeakMap<object, RefusalReason>();

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

  /** Does with a refused message what the listener says; throws every other error again. */
  settle(context: RocketContext, error: unknown): undefined {
    if (this.batches?.isSettled(error) === true) return undefined;
    const reason = isObject(error) ? this.#reasons.get(error) : undefined;
    if (reason === undefined) throw error;
    const action = reason === 'FORBIDDEN' ? this.#site.onForbidden : this.#site.onInvalidPayload;
    return settleRefusal(context, reason, action, error);
  }

  #remember(error: unknown, reason: RefusalReason): void {
    if (isObject(error) && saysNo(error)) this.#reasons.set(error, reason);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
