import { Inject, Injectable, Scope } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { ListenerOptionError } from './errors/index.js';
import type { ConfigReader } from './rocket.config.js';
import { DEFAULT_STORE, ROCKET_FEATURE_NAME, ROCKET_STORE_NAME } from './rocket.tokens.js';

/** A provider or controller that Nest makes anew for each request, and with it what it stands for. */
export type ScopedProvider = ReturnType<DiscoveryService['getProviders']>[number];

/** A module of the app, with what Nest has made in it. */
export type HostModule = NonNullable<ScopedProvider['host']>;

/** A provider or controller of the app. */
export interface DiscoveredInstance {
  readonly instance: object;
  readonly type: DecoratedClass;
  /** The module that provides it: a class can be provided by two. */
  readonly module: HostModule | undefined;
}

/** A provider or controller that exists only for the time of a request or for each of its users. */
export interface DiscoveredScoped {
  readonly type: DecoratedClass;
  readonly module: HostModule | undefined;
  readonly scope: 'request-scoped' | 'transient';
  readonly provider: ScopedProvider;
}

/** A class as metadata is read from it. */
// eslint-disable-next-line typescript/no-unsafe-function-type -- what `instance.constructor` is
export type DecoratedClass = Function;

/** Walks the app's providers and controllers. */
@Injectable()
export class RocketDiscovery {
  readonly #discovery: DiscoveryService;
  readonly #store: string;

  constructor(@Inject(DiscoveryService) discovery: DiscoveryService, @Inject(ROCKET_STORE_NAME) store: string) {
    this.#discovery = discovery;
    this.#store = store;
  }

  /**
   * Whether a listener belongs to the store of this module.
   *
   * @param store as its decorator names it
   * @throws ListenerOptionError when there is no such store: nobody would take the listener
   */
  isOfThisStore(store: string | undefined, listener: string): boolean {
    const stores = this.storeNames();
    if (store === undefined ? stores.includes(DEFAULT_STORE) : stores.includes(store)) {
      return (store ?? DEFAULT_STORE) === this.#store;
    }
    const expected = `the name of a store of the app: ${stores.join(', ')}`;
    throw new ListenerOptionError({ listener, option: 'store', value: store, expected });
  }

  /** The stores of the app. */
  storeNames(): readonly string[] {
    return this.#namesAt(ROCKET_STORE_NAME);
  }

  /** The templates of `RocketModule.forFeature`. */
  featureNames(): readonly string[] {
    return this.#namesAt(ROCKET_FEATURE_NAME);
  }

  /**
   * Each instance once, also when it is provided under several tokens. Instances of `useValue` and `useFactory` are found by their class.
   */
  instances(): readonly DiscoveredInstance[] {
    const found = new Map<object, DiscoveredInstance>();
    for (const wrapper of this.#wrappers()) {
      if (wrapper.isAlias || wrapper.scope === Scope.TRANSIENT || !wrapper.isDependencyTreeStatic()) continue;
      const instance: unknown = wrapper.instance;
      const type = classOf(instance);
      if (type === undefined || found.has(instance as object)) continue;
      found.set(instance as object, { instance: instance as object, type, module: wrapper.host });
    }
    return [...found.values()];
  }

  scoped(): readonly DiscoveredScoped[] {
    return this.#wrappers().flatMap((wrapper): DiscoveredScoped[] => {
      const transient = wrapper.scope === Scope.TRANSIENT;
      if (wrapper.isAlias || (!transient && wrapper.isDependencyTreeStatic())) return [];
      // What a factory makes is known only when it is called, but its token says what it is to be.
      const type: unknown = wrapper.isNotMetatype ? wrapper.token : wrapper.metatype;
      if (typeof type !== 'function') return [];
      const scope = transient ? 'transient' : 'request-scoped';
      return [{ type, module: wrapper.host, scope, provider: wrapper }];
    });
  }

  /** The `ConfigService` of @nestjs/config, which is not imported: an app may do without. Told by its class. */
  configService(): ConfigReader | undefined {
    for (const { instance, type } of this.instances()) {
      const isIt = type.name === 'ConfigService' && 'get' in instance && typeof instance.get === 'function';
      if (isIt) return instance as ConfigReader;
    }
    return undefined;
  }

  #namesAt(nameToken: symbol): readonly string[] {
    return this.#wrappers().flatMap(({ token, instance }) =>
      token === nameToken && typeof instance === 'string' ? [instance] : [],
    );
  }

  #wrappers(): readonly ScopedProvider[] {
    return [...this.#discovery.getProviders(), ...this.#discovery.getControllers()];
  }
}

/** How errors and log lines name an instance, or one of its methods. */
export function labelOf(found: Pick<DiscoveredInstance, 'type' | 'module'>, methodName?: string): string {
  const place = methodName === undefined ? found.type.name : `${found.type.name}.${methodName}`;
  return found.module === undefined ? place : `${place} (of ${found.module.name})`;
}

/** Undefined for primitives, and for objects without a class, such as those with a null prototype. */
function classOf(instance: unknown): DecoratedClass | undefined {
  if (typeof instance !== 'object' || instance === null) return undefined;
  const type: unknown = (instance as { constructor?: unknown }).constructor;
  return typeof type === 'function' ? type : undefined;
}
