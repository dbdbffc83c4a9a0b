/** Context of an error: what a program needs to act on it without reading its text. */
export type ErrorFields = Readonly<Record<string, unknown>>;

/**
 * The parent of every error that nestjs-rocket throws.
 *
 * Match on `code` (stable, listed in docs/errors.md) or on the class; the text is for people and may change.
 */
export class RocketError<Fields extends object = ErrorFields> extends Error {
  /** Stable, upper-case identifier of this kind of error. */
  readonly code: string;
  /** What the error is about, as data: names, values, limits. */
  readonly fields: Readonly<Fields>;

  constructor(code: string, message: string, fields: Fields, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.fields = Object.freeze({ ...fields });
  }
}

/** One row of the error table. */
export interface ErrorDefinition<Fields extends object> {
  readonly code: string;
  /** One sentence: when this error is thrown. */
  readonly meaning: string;
  /** One sentence: what the reader should do. */
  readonly remedy: string;
  /** The text of one occurrence. */
  readonly message: (fields: Fields) => string;
}

/** What {@link defineError} makes: a class to extend, carrying its own row of the table. */
export interface RocketErrorClass<Fields extends object> {
  new (fields: Fields, cause?: unknown): RocketError<Fields>;
  readonly definition: ErrorDefinition<Fields>;
}

/** Makes the class of one row of the error table. */
export function defineError<Fields extends object>(definition: ErrorDefinition<Fields>): RocketErrorClass<Fields> {
  return class extends RocketError<Fields> {
    static readonly definition = definition;

    constructor(fields: Fields, cause?: unknown) {
      super(definition.code, `${definition.message(fields)} ${definition.remedy}`, fields, cause);
    }
  };
}
