import { Inject, Injectable, Scope } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { ConfigReader } from './rocket.config.js';

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

  constructor(@Inject(DiscoveryService) discovery: DiscoveryService) {
    this.#discovery = discovery;
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
      if (typeof wrapper.metatype !== 'function') return [];
      const scope = transient ? 'transient' : 'request-scoped';
      return [{ type: wrapper.metatype, module: wrapper.host, scope, provider: wrapper }];
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
