import type { Type } from '@nestjs/common';

/**
 * What a payload is to be made into.
 *
 * - a class: an instance of it, made from JSON by class-transformer's `plainToInstance` (dates need its `@Type(() => Date)`)
 * - `[Class]`: an array of such instances
 * - `String`: the body as text
 * - `Buffer` or `Uint8Array`: the body's bytes
 * - `Number`, `Boolean`: JSON that must be one
 * - `Object`, or none: decided by the message's `contentType`. JSON is parsed, text is a string, everything else is a Buffer. A
 *   message without a `contentType`, from a sender that is not nestjs-rocket, is a string.
 */
export type PayloadType = Type<unknown> | readonly [Type<unknown>];

/** What a payload of a {@link PayloadType} is. */
export type PayloadOf<P> = P extends readonly [infer Element]
  ? PayloadOf<Element>[]
  : P extends StringConstructor
    ? string
    : P extends NumberConstructor
      ? number
      : P extends BooleanConstructor
        ? boolean
        : P extends BufferConstructor
          ? Buffer
          : P extends ObjectConstructor
            ? unknown
            : P extends Type<infer Instance>
              ? Instance
              : unknown;

/** A payload type in an error text. */
export function nameOfPayloadType(payloadType: PayloadType | undefined): string {
  if (payloadType === undefined) return 'Object';
  return isListType(payloadType) ? `[${payloadType[0].name}]` : payloadType.name;
}

export function isListType(payloadType: PayloadType): payloadType is readonly [Type<unknown>] {
  return Array.isArray(payloadType);
}

/** True for what the decorators' `payloadType` option may be. */
export function isPayloadType(value: unknown): value is PayloadType {
  if (Array.isArray(value)) return value.length === 1 && typeof value[0] === 'function';
  return typeof value === 'function' && value.prototype !== undefined;
}
