import { isObservable, lastValueFrom } from 'rxjs';

/** Nest users return Observables; one that is not subscribed to would do nothing and count as done. */
export function resultOf(result: unknown): unknown {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}
