import { Logger } from '@nestjs/common';
import { AsyncSubject, type Observable } from 'rxjs';
import { MessageIllegalError } from '../errors/index.js';
import { stackOf } from '../errors/thrown.js';
import { ROCKET_LOG_CONTEXT } from '../rocket.constants.js';

/** Told how an asynchronous call went: exactly one of both is called, once. */
export interface OutcomeCallback<T> {
  onSuccess(result: T): void;
  onException(error: unknown): void;
}

const logger = new Logger(ROCKET_LOG_CONTEXT);

/** @param call for the log: method and destination */
export function tell<T>(callback: OutcomeCallback<T>, call: string, outcome: Promise<T>): void {
  outcome
    .then(
      (result) => callback.onSuccess(result),
      (error: unknown) => callback.onException(error),
    )
    .catch((error: unknown) => {
      logger.error(`The callback of an ${call} threw`, stackOf(error));
    });
}

/** Every subscriber gets the one outcome, also a late one. A failure that nobody has subscribed to is logged. */
export function observe<T>(call: string, outcome: Promise<T>): Observable<T> {
  const subject = new AsyncSubject<T>();
  const succeed = (result: T): void => {
    subject.next(result);
    subject.complete();
  };
  outcome.then(succeed, (error: unknown) => {
    if (!subject.observed) logger.error(`An ${call} that nobody subscribed to failed`, stackOf(error));
    subject.error(error);
  });
  return subject.asObservable();
}

/** Resolves when the send is on its way, and rejects when it is refused at once; what goes wrong later is logged. */
export async function underWay(call: string, sending: Promise<unknown>): Promise<void> {
  let isUnderWay = false;
  sending.catch((error: unknown) => {
    if (isUnderWay) logger.error(`A ${call} failed`, stackOf(error));
  });
  // A promise that is rejected already wins over one that is resolved already, being asked first.
  await Promise.race([sending, Promise.resolve()]);
  isUnderWay = true;
}

/** @throws MessageIllegalError for half a callback */
export function isCallback<T>(value: OutcomeCallback<T> | object | undefined): value is OutcomeCallback<T> {
  if (typeof value !== 'object' || value === null) return false;
  const { onSuccess, onException } = value as Partial<OutcomeCallback<T>>;
  if (typeof onSuccess === 'function' && typeof onException === 'function') return true;
  if (onSuccess === undefined && onException === undefined) return false;
  const reason = 'it must have the functions onSuccess and onException';
  throw new MessageIllegalError({ field: 'the callback', value, reason });
}

/**
 * Answers a call the way its arguments ask for: a callback is told, and without one there is an Observable.
 *
 * @param begin is called with a timeout or the options
 * @throws MessageIllegalError
 */
export function respond<T, Options extends object>(
  call: string,
  callbackOrOptions: OutcomeCallback<T> | Options | undefined,
  timeoutOrOptions: number | Options | undefined,
  begin: (timeoutOrOptions: number | Options | undefined) => Promise<T>,
): Observable<T> | void {
  if (isCallback<T>(callbackOrOptions)) {
    tell(callbackOrOptions, call, begin(timeoutOrOptions));
    return;
  }
  if (timeoutOrOptions !== undefined) {
    const reason = 'without a callback, timeout and delay level belong into the options object';
    throw new MessageIllegalError({ field: `an argument of the ${call}`, value: timeoutOrOptions, reason });
  }
  return observe(call, begin(callbackOrOptions));
}
