import { Inject, Injectable } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer, type ContextId, type ExternalContextCreator } from '@nestjs/core';
import type { MessageExt } from '../engine/index.js';
import { ListenerInvalidError } from '../errors/index.js';
import { positionsAt } from '../rocket.arguments.js';
import type { ResolvedRocketOptions } from '../rocket.options.js';
import { ROCKET_RESOLVED_OPTIONS } from '../rocket.tokens.js';
import { enhancersOf } from './enhancer-metadata.js';
import { HANDLER_ARGUMENTS, argumentsFactory, defineHandlerArguments } from './handler-arguments.js';
import type { HandlerSite } from './handler-site.js';
import { contextCreatorOf, createContextCreator } from './message-context-creator.js';
import type { BatchRemarks } from './refusal.js';
import { Refusals } from './refusals.js';
import { ROCKET_CONTEXT_TYPE, RocketContext } from './rocket-context.js';

/**
 * What a handler is called with: a payload and its message; or, for a batch, arrays of both and what may be said of single messages.
 */
export type Delivery =
  readonly [payload: unknown, message: MessageExt] | readonly [unknown[], MessageExt[], BatchRemarks];

/** Calls a handler with all that stands around it. */
export type HandlerCall = (context: RocketContext, delivery: Delivery) => unknown;

/** Of one instance in one context of injection. */
interface Target {
  readonly instance: object;
  readonly contextId?: ContextId;
  readonly inquirerId?: string;
}

type Method = (...args: unknown[]) => unknown;

/** Puts guards, pipes, interceptors, filters and parameter decorators around handlers. */
@Injectable()
export class HandlerPipelines {
  readonly #modules: ModulesContainer;
  readonly #appConfig: ApplicationConfig;
  readonly #includesGlobals: boolean;
  #common: ExternalContextCreator | undefined;

  constructor(
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(ApplicationConfig) appConfig: ApplicationConfig,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#modules = modules;
    this.#appConfig = appConfig;
    this.#includesGlobals = options.consumer.globalEnhancers;
  }

  /**
   * Checks what stands around a handler.
   *
   * @returns a function that puts it around the handler of an instance; undefined when there is nothing, and the handler can be called as it is
   * @throws ListenerInvalidError when some of it could not work
   */
  prepare(site: HandlerSite): ((target: Target) => HandlerCall) | undefined {
    const { type, methodName } = site;
    const method = (type.prototype as Record<string, Method | undefined>)[methodName];
    const enhancers = Object.values(enhancersOf(type, method ?? {})).flat();
    const positions = Object.values(positionsAt(type, methodName));
    if (enhancers.length === 0 && positions.length === 0 && !this.#includesGlobals) return undefined;

    refuseUnmade(site, [...enhancers, ...positions.flatMap(({ pipes }) => pipes)]);
    defineHandlerArguments(site, method?.length ?? 0);
    const refusals = new Refusals(site);
    // Made late: global enhancers can be added until the app starts.
    this.#common ??= createContextCreator(this.#modules, this.#includesGlobals ? this.#appConfig : undefined);
    const creator = contextCreatorOf(this.#common, site, this.#keyOf(site), refusals);
    return (target) => wrap(creator, site, refusals, target);
  }

  #keyOf({ module }: HandlerSite): string {
    for (const [key, candidate] of this.#modules) if (candidate === module) return key;
    return '';
  }
}

function wrap(creator: ExternalContextCreator, site: HandlerSite, refusals: Refusals, target: Target): HandlerCall {
  const { instance, contextId, inquirerId } = target;
  const method = (instance as Record<string, Method>)[site.methodName]!;
  const call = creator.create(
    instance,
    method,
    site.methodName,
    HANDLER_ARGUMENTS,
    argumentsFactory,
    contextId,
    inquirerId,
    { guards: true, interceptors: true, filters: true },
    ROCKET_CONTEXT_TYPE,
  );
  return (context, [payloads, messages, batch]) =>
    refusals.settled(context, payloads, async () => {
      if (batch !== undefined)
        refusals.batches?.enter({ payloads: payloads as unknown[], messages: messages as MessageExt[], batch });
      return (await call(payloads, context, messages, batch)) as unknown;
    });
}

/** Nest would skip what it has not made, and a guard that is skipped is a door that stands open. */
function refuseUnmade({ listener, type, module }: HandlerSite, enhancers: readonly unknown[]): void {
  for (const enhancer of enhancers) {
    if (typeof enhancer !== 'function' || module?.injectables.has(enhancer) === true) continue;
    const reason =
      `${enhancer.name} stands at it as a class, which Nest makes only for providers and controllers that are listed as a class; ` +
      `list ${type.name} so, or give an instance of ${enhancer.name}`;
    throw new ListenerInvalidError({ listener, reason });
  }
}
