import { Observable, Subscriber, type Observer, type Operator, type Subscription } from 'rxjs';

/** Told what a subscriber has thrown. */
export type OnThrown = (error: unknown) => void;

/**
 * An Observable whose subscribers may throw. rxjs throws what a subscriber throws once more in a timer, where nobody can catch it, and so a mistake in a
 * subscriber to failures would end the process. Here it is told to `onThrown`, and the subscriber gets the next values. That holds behind operators, too:
 * an operator that throws ends its own stream alone.
 */
export class GuardedObservable<T> extends Observable<T> {
  readonly #onThrown: OnThrown;

  constructor(source: Observable<unknown>, onThrown: OnThrown, operator?: Operator<unknown, T>) {
    super();
    this.source = source;
    this.operator = operator as Operator<unknown, T>;
    this.#onThrown = onThrown;
  }

  /** What `pipe` makes of it, step by step. rxjs' own subclasses carry themselves on in the same way. */
  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    return new GuardedObservable<R>(this, this.#onThrown, operator);
  }

  override subscribe(
    observerOrNext?: Partial<Observer<T>> | ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    // The inner end of an operator: its errors go to the outer end, which is guarded.
    if (observerOrNext instanceof Subscriber) return super.subscribe(observerOrNext);
    const observer: Partial<Observer<T>> =
      typeof observerOrNext === 'function'
        ? { next: observerOrNext, ...(error ? { error } : {}), ...(complete ? { complete } : {}) }
        : (observerOrNext ?? {});
    return super.subscribe({
      next: (value) => this.#guard(() => observer.next?.(value)),
      error: (thrown: unknown) => {
        if (observer.error === undefined) this.#onThrown(thrown);
        else this.#guard(() => observer.error!(thrown));
      },
      complete: () => this.#guard(() => observer.complete?.()),
    });
  }

  #guard(work: () => unknown): void {
    try {
      const returned = work();
      // Of an async function, whose rejection nobody else would see before it ends the process.
      if (returned instanceof Promise) returned.catch(this.#onThrown);
    } catch (thrown) {
      this.#onThrown(thrown);
    }
  }
}
