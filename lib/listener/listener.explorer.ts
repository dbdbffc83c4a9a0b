import { types } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import { ListenerInvalidError } from '../errors/index.js';
import {
  HandlerPipelines,
  RocketContext,
  scopedHandler,
  type HandlerCall,
  type HandlerSite,
} from '../execution/index.js';
import { RocketDiscovery, labelOf, type DiscoveredInstance, type DiscoveredScoped } from '../rocket.discovery.js';
import { environmentReader, type ConfigReader } from '../rocket.config.js';
import type { ResolvedRocketOptions } from '../rocket.options.js';
import { ROCKET_RESOLVED_OPTIONS } from '../rocket.tokens.js';
import { readDeclaration } from './listener-declaration.js';
import type { ListenerDefinition } from './listener-definition.js';
import { ListenerMetadataAccessor } from './listener-metadata.accessor.js';
import { resolveListenerOptions } from './listener-options.js';

/** Finds what is decorated with `@MessageListener` in the app. */
@Injectable()
export class ListenerExplorer {
  readonly #discovery: RocketDiscovery;
  readonly #metadata: ListenerMetadataAccessor;
  readonly #pipelines: HandlerPipelines;
  readonly #options: ResolvedRocketOptions;

  constructor(
    @Inject(RocketDiscovery) discovery: RocketDiscovery,
    @Inject(ListenerMetadataAccessor) metadata: ListenerMetadataAccessor,
    @Inject(HandlerPipelines) pipelines: HandlerPipelines,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#discovery = discovery;
    this.#metadata = metadata;
    this.#pipelines = pipelines;
    this.#options = options;
  }

  /** @throws ListenerInvalidError, ListenerOptionError, UnknownOptionError */
  explore(): readonly ListenerDefinition[] {
    const scoped = this.#discovery
      .scoped()
      .flatMap((found) => this.#define(found, (site) => this.#callScoped(found, site)));
    const others = this.#discovery
      .instances()
      .flatMap((found) => this.#define(found, (site) => this.#callInstance(found, site)));
    return [...scoped, ...others];
  }

  #define(found: Found, callOf: (site: HandlerSite) => ListenerDefinition['invoke']): readonly ListenerDefinition[] {
    const declarations = this.#metadata.declarationsOf(found.type).flatMap(({ methodName, options: declared }) => {
      const name = labelOf(found, isOwnMethod(methodName) ? undefined : methodName);
      if (!this.#discovery.isOfThisStore(declared.store, name)) return [];
      return readDeclaration(name, declared, () => this.#config()).map((given) => ({ name, methodName, given }));
    });
    return declarations.map(({ name, methodName, given }) => {
      const options = resolveListenerOptions(name, given);
      const { type, module } = found;
      const isOrderly = options.consumeMode === 'ORDERLY';
      const { id, consumerGroup, isBatch, payloadType, onInvalidPayload, onForbidden } = options;
      const place = { listener: name, listenerId: id, consumerGroup, type, methodName, module };
      const invoke = callOf({ ...place, isBatch, isOrderly, payloadType, onInvalidPayload, onForbidden });
      return { name, options, invoke };
    });
  }

  #config(): ConfigReader {
    return this.#options.consumer.config ?? this.#discovery.configService() ?? environmentReader;
  }

  #callInstance({ instance }: DiscoveredInstance, site: HandlerSite): ListenerDefinition['invoke'] {
    const methods = instance as Record<string, (...args: readonly unknown[]) => unknown>;
    requireMethod(site, methods[site.methodName]);
    const around = this.#pipelines.prepare(site);
    // Looked up at each call, so that a spy which a test sets on the instance is called.
    if (around === undefined) return (...args) => methods[site.methodName]!(...args);
    return inContext(site, around({ instance }));
  }

  #callScoped({ type, scope, provider }: DiscoveredScoped, site: HandlerSite): ListenerDefinition['invoke'] {
    if (scope === 'transient') {
      const reason =
        'it is transient: it exists once for each class that injects it; make it a singleton or request-scoped';
      throw new ListenerInvalidError({ listener: site.listener, reason });
    }
    requireMethod(site, (type.prototype as Record<string, unknown>)[site.methodName]);
    return inContext(site, scopedHandler(this.#pipelines, site, provider));
  }
}

type Found = Pick<DiscoveredInstance, 'type' | 'module'>;

/** A decorated class that nobody ever calls would be the worst outcome, so it keeps the app from starting. */
function requireMethod({ listener, methodName }: HandlerSite, method: unknown): void {
  if (typeof method !== 'function') {
    throw new ListenerInvalidError({ listener, reason: `it has no method ${signatureOf(methodName)}` });
  }
  if (!types.isGeneratorFunction(method)) return;
  const reason = `its method ${methodName} is a generator, whose body would not be run, and its messages count as done`;
  throw new ListenerInvalidError({ listener, reason });
}

function inContext(site: HandlerSite, call: HandlerCall): ListenerDefinition['invoke'] {
  return (...delivery) => call(new RocketContext(delivery[1], site), delivery);
}

const isOwnMethod = (methodName: string): boolean => methodName === 'onMessage' || methodName === 'onMessages';

const signatureOf = (methodName: string): string =>
  methodName === 'onMessages'
    ? 'onMessages(payloads, messages), which a listener with batchSize has'
    : `${methodName}(payload, message)`;
