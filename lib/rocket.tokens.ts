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

/**
 * Token by which `@InjectRocketTemplate()` asks for the template: what `inject` lists and `overrideProvider` may name. A string, so that
 * Nest's text about a missing dependency is readable.
 */
export function getRocketTemplateToken(): string {
  return 'RocketTemplate';
}
