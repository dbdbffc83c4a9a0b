import { TransformationType, instanceToPlain } from 'class-transformer';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { types } from 'node:util';
import { describe } from '../errors/describe.js';
import { PayloadError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';

/**
 * A payload as JSON text.
 *
 * Objects are written as `JSON.stringify` writes them, so `toJSON` is honoured. An instance of a class that uses class-transformer's
 * decorators is written by `instanceToPlain` instead: what `@Expose` renames and `@Exclude` hides would otherwise not come out right when
 * the listener's `plainToInstance` reads it. `instanceToPlain` is not used for everything, since it knows nothing of `toJSON` and
 * tears values such as decimals and ORM documents to pieces.
 */
export function toJsonText(payload: unknown): string {
  refuseWhatJsonLacks(payload);
  let text: string | undefined;
  try {
    // Most payloads need no look at each value while they are written, and the text is made several times as fast without.
    const replacer = isPlain(payload, MOST_LEVELS) ? undefined : replaceValue;
    text = JSON.stringify(payload, replacer) as string | undefined;
  } catch (error) {
    if (error instanceof PayloadError) throw error;
    throw new PayloadError({ payload: payloadText(payload), reason: reasonOf(error) }, error);
  }
  if (text === undefined) throw new PayloadError({ payload: payloadText(payload), reason: 'its toJSON gives nothing' });
  // Such as an invalid Date: the listener would get null, which is refused where it is given as it is.
  if (text === 'null') throw new PayloadError({ payload: payloadText(payload), reason: 'JSON writes it as null' });
  return text;
}

/** Levels of a payload that are looked at for being plain: what is deeper may be a cycle. */
const MOST_LEVELS = 8;

/** True when a value is nothing but simple objects, arrays, and what JSON has of its own. */
function isPlain(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) {
    return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  }
  if (levels === 0) return false;
  if (Array.isArray(value)) return value.every((element: unknown) => isPlain(element, levels - 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const name of Object.keys(value)) {
    if (!isPlain((value as Record<string, unknown>)[name], levels - 1)) return false;
  }
  return true;
}

function payloadText(payload: unknown): string {
  return `The payload, ${describe(payload)},`;
}

function reasonOf(error: unknown): string {
  const text = messageOf(error);
  // The runtime's text about a cycle goes on with a drawing of it; the first line says it all.
  return text.split('\n', 1)[0] ?? text;
}

function refuseWhatJsonLacks(payload: unknown): void {
  if (payload === null || ['undefined', 'function', 'symbol', 'bigint'].includes(typeof payload)) {
    throw new PayloadError({ payload: payloadText(payload), reason: 'JSON has no such value' });
  }
  if (typeof payload === 'number' && !Number.isFinite(payload)) {
    throw new PayloadError({ payload: payloadText(payload), reason: 'JSON has no such number' });
  }
}

/** Called by JSON.stringify with the holder of the value as `this`; what it returns is written, and looked into in turn. */
function replaceValue(this: unknown, key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  // JSON.stringify would write these as {} and lose their content without a word.
  if (types.isMap(value) || types.isSet(value)) {
    const kind = types.isMap(value) ? 'a Map' : 'a Set';
    const where = key === '' ? 'it' : `its "${key}"`;
    throw new PayloadError({ payload: 'The payload', reason: `${where} is ${kind}, which JSON lacks` });
  }
  if (types.isPromise(value)) {
    const where = key === '' ? 'it' : `its "${key}"`;
    throw new PayloadError({ payload: 'The payload', reason: `${where} is a Promise, which has to be awaited first` });
  }
  return hasTransformDecorators(value) ? instanceToPlain(value) : value;
}

/**
 * Whether class-transformer would write an object otherwise than JSON.stringify does. Its store of decorators is not in its index;
 * @nestjs/mapped-types reads it from the same file.
 */
function hasTransformDecorators(value: object): boolean {
  const type: unknown = value.constructor;
  if (typeof type !== 'function' || type === Object) return false;
  return (
    defaultMetadataStorage.getStrategy(type) !== 'none' ||
    defaultMetadataStorage.getExposedMetadatas(type).length > 0 ||
    defaultMetadataStorage.getExcludedMetadatas(type).length > 0 ||
    Object.keys(value).some((key) => hasTransform(type, key))
  );
}

// oxlint-disable-next-line typescript/no-unsafe-function-type -- the parameter's type in class-transformer
function hasTransform(type: Function, key: string): boolean {
  return defaultMetadataStorage.findTransformMetadatas(type, key, TransformationType.CLASS_TO_PLAIN).length > 0;
}
