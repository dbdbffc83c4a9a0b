import type { Type } from '@nestjs/common';

/** Token of the `MessageEngine` that the module works with. */
export const ROCKET_ENGINE = Symbol('ROCKET_ENGINE');

/** Token of the `MessageConverter` in use. Override its provider, or set the `converter` option, to replace it. */
export const ROCKET_CONVERTER = Symbol('ROCKET_CONVERTER');

/**
 * Token of the message that is handled (`MessageExt`; of a batch, the first). For request-scoped providers; undefined where they are made for something else than a message.
 */
export const ROCKET_MESSAGE = Symbol('ROCKET_MESSAGE');

/** Token of the options as given to `forRoot` or made by `forRootAsync`. */
export const ROCKET_MODULE_OPTIONS = Symbol('ROCKET_MODULE_OPTIONS');

/** Token of the options after checks and with all defaults. */
export const ROCKET_RESOLVED_OPTIONS = Symbol('ROCKET_RESOLVED_OPTIONS');

/** Token of the name of the store that a module has. */
export const ROCKET_STORE_NAME = Symbol('ROCKET_STORE_NAME');

/** Token of the name of a template of `RocketModule.forFeature`. */
export const ROCKET_FEATURE_NAME = Symbol('ROCKET_FEATURE_NAME');

/** The store of `RocketModule.forRoot` without a name. */
export const DEFAULT_STORE = 'default';

/**
 * Token by which `@InjectRocketTemplate(name)` asks for a template: what `inject` lists and `overrideProvider` may name. A string, so that Nest's text about a missing
 * dependency is readable.
 *
 * @param name of a template of `RocketModule.forFeature`, or of a store. Default: the template of the store without a name
 */
export function getRocketTemplateToken(name?: string): string {
  return name === undefined || name === DEFAULT_STORE ? 'RocketTemplate' : `RocketTemplate_${name}`;
}

/**
 * Token of a part of a store, such as `getRocketStoreToken(RocketAdmin, 'audit')`. The parts of the store without a name (`'default'`) are injected by their class as well. In an
 * app with several stores, `app.get` of RocketControl, ROCKET_ENGINE or ROCKET_CONVERTER may find that of any: use the token there.
 *
 * @param part RocketTemplate, RocketAdmin, RocketEvents, RocketListenerRegistry, RocketControl, ROCKET_ENGINE or ROCKET_CONVERTER
 * @param store the `name` of its `RocketModule.forRoot`
 */
export function getRocketStoreToken(part: Type | symbol, store: string): string {
  return `${typeof part === 'symbol' ? String(part.description) : part.name}_${store}`;
}
