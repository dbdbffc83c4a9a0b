import { UseFilters, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import type { DecoratedClass } from '../rocket.discovery.js';

// Nest does not export the metadata keys of its decorators in all versions that are supported, so each is read off a class that is decorated here.
const KEYS = {
  guards: keyWrittenBy(UseGuards({ canActivate: () => true })),
  pipes: keyWrittenBy(UsePipes({ transform: (value: unknown) => value })),
  interceptors: keyWrittenBy(UseInterceptors({ intercept: (_context, next) => next.handle() })),
  filters: keyWrittenBy(UseFilters({ catch: () => undefined })),
};

/** What `@UseGuards`, `@UsePipes`, `@UseInterceptors` and `@UseFilters` have left at a class and at one of its methods. */
export type Enhancers = { readonly [Kind in keyof typeof KEYS]: readonly unknown[] };

export function enhancersOf(type: DecoratedClass, method: object): Enhancers {
  const at = (key: unknown): readonly unknown[] =>
    [type, method].flatMap((target) => (Reflect.getMetadata(key, target) ?? []) as readonly unknown[]);
  return {
    guards: at(KEYS.guards),
    pipes: at(KEYS.pipes),
    interceptors: at(KEYS.interceptors),
    filters: at(KEYS.filters),
  };
}

function keyWrittenBy(decorator: ClassDecorator): unknown {
  class Probe {
    readonly isProbe = true;
  }
  decorator(Probe);
  return Reflect.getOwnMetadataKeys(Probe)[0];
}
