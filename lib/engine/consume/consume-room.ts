import type {
  Clock,
  EngineLogger,
  EngineObserver,
  MessageSelector,
  MessageStore,
  Redelivery,
  StoredRecord,
  SubscriptionGroupTable,
  TopicTable,
} from '../types/index.js';
import type { SliceScheduler } from './slice-scheduler.js';
import type { WorkGauge } from './work-gauge.js';

/** What a selector comes down to: neither function means that everything is accepted. */
export interface SelectorFunctions {
  readonly acceptsTagsCode?: ((tagsCode: number) => boolean) | undefined;
  readonly accepts?: ((message: StoredRecord) => boolean) | undefined;
  /** Why it is hardly what was meant. */
  readonly doubt?: string | undefined;
}

/** Checks a selector and makes it ready to run; throws for one that is wrong. */
export type SelectorCompiler = (selector: MessageSelector) => SelectorFunctions;

/** What everything in this room works with. */
export interface ConsumeRoom {
  readonly store: MessageStore;
  readonly topics: TopicTable;
  readonly groups: SubscriptionGroupTable;
  readonly clock: Clock;
  readonly logger: EngineLogger;
  readonly redelivery: Redelivery;
  readonly compileSelector: SelectorCompiler;
  /** Undefined: nobody is told what handlers do. */
  readonly observer?: Pick<EngineObserver, 'handler'> | undefined;
  readonly scheduler: SliceScheduler;
  readonly gauge: WorkGauge;
}
