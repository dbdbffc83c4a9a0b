import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { filter, Subject, type Observable } from 'rxjs';
import type { EngineEvent, EngineEventType, MessageEngine } from '../engine/index.js';
import { messageOf, stackOf } from '../errors/thrown.js';
import { ROCKET_LOG_CONTEXT } from '../rocket.constants.js';
import { ROCKET_ENGINE } from '../rocket.tokens.js';
import { GuardedObservable } from './guarded-observable.js';

/** An event of one type. */
export type EngineEventOf<Type extends EngineEventType> = Extract<EngineEvent, { readonly type: Type }>;

/**
 * What goes wrong, as streams: handlers that fail, retries, dead letters, check-backs, flushes, sends. One place to count, alarm or tell people; all of it
 * is logged as well.
 *
 * The streams are hot and complete when the app ends. What a subscriber throws is logged, and the subscriber goes on; neither the engine nor the other subscribers
 * notice. A subscriber is called in the turn in which the event happens, so it must be quick.
 *
 * @example
 * ```ts
 * constructor(events: RocketEvents) {
 *   events.of('messageDeadLettered').subscribe(({ group, msgId }) => this.alarm(group, msgId));
 * }
 * ```
 *
 * @publicApi
 */
@Injectable()
export class RocketEvents implements OnApplicationShutdown {
  /** Every event. Silent when the engine does not tell of any. */
  readonly all: Observable<EngineEvent>;
  readonly #subject = new Subject<EngineEvent>();
  readonly #stop: (() => void) | undefined;

  constructor(@Inject(ROCKET_ENGINE) engine: MessageEngine) {
    const logger = new Logger(ROCKET_LOG_CONTEXT);
    this.all = new GuardedObservable<EngineEvent>(this.#subject, (thrown) => {
      logger.error(`A subscriber to RocketEvents threw: ${messageOf(thrown)}`, stackOf(thrown));
    });
    this.#stop = engine.listen?.((event) => this.#subject.next(event));
  }

  /** Events of these types. */
  of<Type extends EngineEventType>(...types: readonly Type[]): Observable<EngineEventOf<Type>> {
    const wanted: ReadonlySet<string> = new Set(types);
    return this.all.pipe(filter((event): event is EngineEventOf<Type> => wanted.has(event.type)));
  }

  /** What happens while the store is closed is in the log alone. */
  onApplicationShutdown(): void {
    this.#stop?.();
    this.#subject.complete();
  }
}
