import { Inject, Injectable } from '@nestjs/common';
import type {
  BrokerAdmin,
  DeadLetterAdmin,
  DelayAdmin,
  GroupAdmin,
  MessageAdmin,
  MessageEngine,
  TopicAdmin,
  TransactionAdmin,
} from './engine/index.js';
import { UnsupportedByEngineError } from './errors/index.js';
import { ROCKET_ENGINE } from './rocket.tokens.js';

/**
 * Looking at the broker and steering it, injected by its type. See docs/admin.md for what there is.
 *
 * Every property throws `UnsupportedByEngineError` when the module's engine has no admin API (only the embedded broker has), and `StoreClosedError` before the engine
 * is started and after it is closed.
 *
 * @example
 * ```ts
 * @Controller('support')
 * export class SupportController {
 *   constructor(private readonly admin: RocketAdmin) {}
 *
 *   @Post('billing/yesterday')
 *   consumeAgain() {
 *     return this.admin.groups.resetToTimestamp('billing', Date.now() - 86_400_000);
 *   }
 * }
 * ```
 *
 * @publicApi
 */
@Injectable()
export class RocketAdmin {
  readonly #engine: MessageEngine | (MessageEngine & { readonly admin: BrokerAdmin });

  constructor(@Inject(ROCKET_ENGINE) engine: MessageEngine) {
    this.#engine = engine;
  }

  /** Topics: create, list, stats, change, delete. */
  get topics(): TopicAdmin {
    return this.#broker.topics;
  }

  /** Consumer groups: list, members, lag, offsets; reset, skip, clone. */
  get groups(): GroupAdmin {
    return this.#broker.groups;
  }

  /** Messages by id, key, time and place; what groups have done with them. */
  get messages(): MessageAdmin {
    return this.#broker.messages;
  }

  /** Dead letters: list, send again. */
  get deadLetters(): DeadLetterAdmin {
    return this.#broker.deadLetters;
  }

  /** Transactions without a decision: list, decide by hand. */
  get transactions(): TransactionAdmin {
    return this.#broker.transactions;
  }

  /** Messages that wait for a delay. */
  get delays(): DelayAdmin {
    return this.#broker.delays;
  }

  /** Asked each time: an engine of the application's may be started later than this is made. */
  get #broker(): BrokerAdmin {
    // By what it has and not by its class: the engine may come from another copy of the package.
    if (!('admin' in this.#engine)) throw new UnsupportedByEngineError({ feature: 'the admin API (RocketAdmin)' });
    return this.#engine.admin;
  }
}
