import { createParamDecorator } from '@nestjs/common';

/** What a parameter of a handler is given. */
export const ArgumentKind = {
  /** Nest's number for a body: pipes such as ValidationPipe work on values of this kind and pass all others. */
  PAYLOAD: 3,
  // Far from Nest's numbers, so that its decorators for requests are not taken for these.
  HEADERS: 1001,
  MESSAGE: 1002,
  CONTEXT: 1003,
  /** What a batch listener may say of single messages. */
  BATCH: 1004,
} as const;

/** One entry of the metadata that parameter decorators leave, under the key `kind:index`. */
export interface ArgumentPosition {
  readonly index: number;
  readonly data?: unknown;
  readonly pipes: readonly unknown[];
}

export type ArgumentPositions = Readonly<Record<string, ArgumentPosition>>;

/**
 * Where parameter decorators leave what they know: Nest's own, those of `createParamDecorator`, and this module's. Nest does not export
 * the key in all versions that are supported, so it is read off a class that is decorated here.
 */
export const PARAMETER_METADATA = parameterKey();

export function positionsAt(type: object, method: string | symbol): ArgumentPositions {
  return (Reflect.getMetadata(PARAMETER_METADATA, type, method) ?? {}) as ArgumentPositions;
}

function parameterKey(): unknown {
  class Probe {
    handle(): void {}
  }
  createParamDecorator(() => undefined)()(Probe.prototype, 'handle', 0);
  return Reflect.getOwnMetadataKeys(Probe, 'handle')[0];
}
