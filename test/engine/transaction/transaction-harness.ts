import type { MemoryFileSystem } from '../../../lib/engine/io/index.js';
import {
  DEFAULT_TRANSACTION_OPTIONS,
  TransactionService,
  type TransactionOptions,
} from '../../../lib/engine/transaction/index.js';
import type { MessageExt, RecordDraft, TransactionChecker } from '../../../lib/engine/types/index.js';
import { bodiesOf, draftOf, StoreHarness, type HarnessOptions } from '../delivery/store-harness.js';
import { MemoryOffsetTable } from './memory-offset-table.js';

export const GROUP = 'order-producers';

/** A transaction service on a real store. */
export class TransactionHarness {
  readonly store: StoreHarness;
  readonly offsets: MemoryOffsetTable;
  readonly service: TransactionService;

  private constructor(store: StoreHarness, offsets: MemoryOffsetTable, options: Partial<TransactionOptions>) {
    this.store = store;
    this.offsets = offsets;
    this.service = new TransactionService(store.context, offsets, { ...DEFAULT_TRANSACTION_OPTIONS, ...options });
  }

  static async open(
    options: Partial<TransactionOptions> & HarnessOptions = {},
    store?: StoreHarness,
    offsets = new MemoryOffsetTable(),
  ): Promise<TransactionHarness> {
    const harness = new TransactionHarness(store ?? (await StoreHarness.open(options)), offsets, options);
    await harness.service.start();
    return harness;
  }

  async close(): Promise<void> {
    await this.service.close();
    await this.store.close();
  }

  /** Stops cleanly and starts again. */
  async restart(): Promise<TransactionHarness> {
    await this.close();
    return TransactionHarness.open({}, await this.store.reopened(), this.offsets);
  }

  /** What a process finds that starts after this one was killed now, with the offsets that were on disk then. */
  async crashed(offsets = this.offsets.copy()): Promise<TransactionHarness> {
    return TransactionHarness.open({}, await this.store.crashed(), offsets);
  }

  /** What a process finds after a power cut within the last write. See {@link StoreHarness.tornWrite}. */
  async torn(
    before: MemoryFileSystem,
    offsetsBefore: MemoryOffsetTable,
    left: (log: Buffer) => Buffer,
  ): Promise<TransactionHarness> {
    return TransactionHarness.open({}, await this.store.tornWrite(before, left), offsetsBefore.copy());
  }

  /** Prepares a transaction for topic `orders`; the body is the id. */
  async prepare(transactionId: string, changes: Partial<RecordDraft> = {}, group = GROUP): Promise<void> {
    const draft = draftOf('orders', transactionId, {
      UNIQ_KEY: transactionId,
      TAGS: 'TagA',
      KEYS: `key-${transactionId}`,
    });
    await this.service.prepare({ ...draft, ...changes }, group);
  }

  /** As {@link prepare}, for a producer that does not know the outcome. */
  async prepareUnknown(transactionId: string, changes: Partial<RecordDraft> = {}, group = GROUP): Promise<void> {
    await this.prepare(transactionId, changes, group);
    await this.service.end(transactionId, 'UNKNOWN');
  }

  advance(durationMs: number): Promise<void> {
    return this.store.advance(durationMs);
  }

  /** Bodies of what consumers of the topic see. */
  async visible(topic = 'orders'): Promise<readonly string[]> {
    return bodiesOf(await this.store.read(topic));
  }

  pendingIds(): readonly string[] {
    return this.service.pending().map((transaction) => transaction.transactionId);
  }

  /** Registers a checker that writes down when it was asked about what. */
  answer(
    answer: TransactionChecker,
    group = GROUP,
    topics?: readonly string[],
  ): { readonly asked: readonly Asked[]; readonly remove: () => void } {
    const asked: Asked[] = [];
    const ask: TransactionChecker = (half) => {
      asked.push({ atMs: this.store.clock.monotonicMs(), half, id: half.body.toString() });
      return answer(half);
    };
    const remove = this.service.registerChecker(group, ask, topics);
    return { asked, remove };
  }
}

export interface Asked {
  readonly atMs: number;
  readonly id: string;
  readonly half: MessageExt;
}
