import type { PipeTransform, Type } from '@nestjs/common';
import { ListenerInvalidError } from '../errors/index.js';
import { ArgumentKind, PARAMETER_METADATA, positionsAt } from '../rocket.arguments.js';

/** A pipe, or a class of pipes that Nest makes an instance of. */
export type ParameterPipe = Type<PipeTransform> | PipeTransform;

// Their names differ from those of Nest's decorators (`@Payload`, `@Headers`, `@Ctx`), which files of a controller import as well: a wrong import would be
// found by nobody.

/**
 * Gives a parameter of a handler the payload, after the pipes. Without any parameter decorator the first parameter is the payload.
 *
 * @publicApi
 */
export function RocketPayload(...pipes: ParameterPipe[]): ParameterDecorator;
/** Gives a parameter of a handler one property of the payload, after the pipes. */
export function RocketPayload(property: string, ...pipes: ParameterPipe[]): ParameterDecorator;
export function RocketPayload(...given: (string | ParameterPipe)[]): ParameterDecorator {
  return parameter('RocketPayload', ArgumentKind.PAYLOAD, given);
}

/**
 * Gives a parameter of a handler the message's headers (the application's properties, and RocketMQ's fields by the names of `RocketHeaders`), after the pipes.
 *
 * @publicApi
 */
export function RocketHeader(...pipes: ParameterPipe[]): ParameterDecorator;
/** Gives a parameter of a handler the header of that name, after the pipes. Undefined when the message has none. */
export function RocketHeader(name: string, ...pipes: ParameterPipe[]): ParameterDecorator;
export function RocketHeader(...given: (string | ParameterPipe)[]): ParameterDecorator {
  return parameter('RocketHeader', ArgumentKind.HEADERS, given);
}

/**
 * Gives a parameter of a handler the message (a batch listener: its messages). Without any parameter decorator the second parameter is the message.
 *
 * @publicApi
 */
export function RocketMsg(): ParameterDecorator {
  return parameter('RocketMsg', ArgumentKind.MESSAGE, []);
}

/**
 * Gives a parameter of a handler the `RocketContext` of the delivery.
 *
 * @publicApi
 */
export function RocketCtx(): ParameterDecorator {
  return parameter('RocketCtx', ArgumentKind.CONTEXT, []);
}

function parameter(name: string, kind: number, given: readonly (string | ParameterPipe)[]): ParameterDecorator {
  return (target, method, index) => {
    if (method === undefined || typeof target === 'function') {
      const listener = typeof target === 'function' ? target.name : target.constructor.name;
      const reason = `@${name} stands at a parameter of its constructor, or of a static method`;
      throw new ListenerInvalidError({ listener, reason });
    }
    const [first] = given;
    const data = typeof first === 'string' ? first : undefined;
    const pipes = given.filter((item) => typeof item !== 'string');
    const type = target.constructor;
    const position = { index, data, pipes };
    const positions = { ...positionsAt(type, method), [`${kind}:${index}`]: position };
    Reflect.defineMetadata(PARAMETER_METADATA, positions, type, method);
  };
}
