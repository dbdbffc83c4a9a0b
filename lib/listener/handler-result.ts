import { isObservable, lastValueFrom } from 'rxjs';

/** Nest users return Observables, from async methods and exception filters, too; one that is not subscribed to would do nothing and count as done. */
export function resultOf(result: unknown): unknown {
  return mapResult(result, (value) =>
    isObservable(value) ? lastValueFrom(value, { defaultValue: undefined }) : value,
  );
}

/** Maps what a handler has returned, at once where it is no promise. */
export function mapResult(result: unknown, map: (value: unknown) => unknown): unknown {
  const isPromise =
    typeof result === 'object' && result !== null && 'then' in result && typeof result.then === 'function';
  return isPromise ? Promise.resolve(result).then(map) : map(result);
}
