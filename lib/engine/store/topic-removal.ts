import { StoreClosedError, TopicDeletionFailedError } from '../../errors/index.js';
import { messageOf } from '../../errors/thrown.js';
import type { Activity, Clock, EngineLogger, TimerHandle } from '../types/index.js';
import type { CheckpointService } from './checkpoint-service.js';
import type { CommitLog } from './commit-log.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import type { DeletedTopics } from './deleted-topics.js';
import { whenNothingIsOnItsWay } from './in-flight.js';
import { retryDelayMs } from './retry-delay.js';
import type { TopicConfigTable } from './topic-config-table.js';

export interface TopicRemovalParts {
  readonly topics: TopicConfigTable;
  readonly queues: ConsumeQueueSet;
  readonly deletedTopics: DeletedTopics;
  readonly log: CommitLog;
  readonly checkpoints: CheckpointService;
  readonly clock: Clock;
  readonly logger: EngineLogger;
  readonly activity: Activity;
}

const RETRY_LIMITS = { firstMs: 1000, maxMs: 30_000 };

/** Forgets what others keep of a topic, above all the groups' offsets; resolves when that is on disk. May be called again for the same topic. */
export type ForgetTopic = (topic: string) => Promise<void>;

/**
 * Takes topics out of the store (RocketMQ: `DefaultMessageStore.deleteTopics`). Their records stay in the log until retention removes them.
 *
 * The order lets a crash or an error at any point leave the topic whole, or gone: first the decision is on disk, then everything goes, then the end is noted. What
 * was decided and not ended is taken up again: after a crash by {@link finishAll}, after an error by itself, for a topic that stays closed holds up whatever waits to be
 * delivered to it, and what waits behind that.
 */
export class TopicRemoval {
  readonly #parts: TopicRemovalParts;
  readonly #running = new Map<string, Promise<void>>();
  /** Deletions that have failed half-way. */
  readonly #retries = new Map<string, TimerHandle>();
  #isClosed = false;

  constructor(parts: TopicRemovalParts) {
    this.#parts = parts;
  }

  /**
   * Deletes a topic; resolves when that is on disk. From the call on nothing can be stored in it; messages that are on their way get there, and are
   * acknowledged, and deleted.
   *
   * @throws TopicDeletionFailedError, StoreClosedError
   */
  delete(topic: string, forget: ForgetTopic): Promise<void> {
    if (this.#isClosed) {
      return Promise.reject(new StoreClosedError({ operation: 'delete a topic', state: 'closed' }));
    }
    return this.#running.get(topic) ?? this.#run(topic, forget, 0);
  }

  /** Finishes deletions that a crash has cut off. One that can't be finished leaves its topic closed until it can. */
  async finishAll(forget: ForgetTopic): Promise<void> {
    for (const topic of this.#parts.deletedTopics.unfinished()) {
      try {
        await this.delete(topic, forget);
      } catch (error) {
        this.#parts.logger.error(messageOf(error));
      }
    }
  }

  /** Waits for deletions that run; others are refused from now on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const retry of this.#retries.values()) retry.cancel();
    await Promise.allSettled(this.#running.values());
  }

  #run(topic: string, forget: ForgetTopic, failures: number): Promise<void> {
    this.#retries.get(topic)?.cancel();
    this.#retries.delete(topic);
    const run = this.#delete(topic, forget)
      .catch((error: unknown) => {
        this.#tryAgainLater(topic, forget, failures);
        throw error;
      })
      .finally(() => this.#running.delete(topic));
    this.#running.set(topic, run);
    return run;
  }

  #tryAgainLater(topic: string, forget: ForgetTopic, failures: number): void {
    const { deletedTopics, clock, logger, activity } = this.#parts;
    if (this.#isClosed || !deletedTopics.isClosed(topic)) return;
    const tryAgain = (): void => {
      const done = activity.begin();
      this.#run(topic, forget, failures + 1)
        .then(
          () => logger.log(`Topic "${topic}" is deleted now.`),
          // Whoever wanted it deleted has been told of the first failure.
          () => undefined,
        )
        .finally(done);
    };
    this.#retries.set(topic, clock.setTimer(tryAgain, retryDelayMs(failures, RETRY_LIMITS)));
  }

  async #delete(topic: string, forget: ForgetTopic): Promise<void> {
    const { deletedTopics } = this.#parts;
    try {
      if (!deletedTopics.isDecided(topic)) await this.#decide(topic);
      await this.#removeAll(topic, forget);
      await deletedTopics.finish(topic);
    } catch (error) {
      throw new TopicDeletionFailedError({ topic, reason: messageOf(error) }, error);
    }
  }

  async #decide(topic: string): Promise<void> {
    const { deletedTopics, log, queues } = this.#parts;
    deletedTopics.close(topic);
    let endOffset: number;
    try {
      // A message on its way holds a number of the old queue, which means nothing in a new one. None is added: the topic is closed.
      await whenNothingIsOnItsWay(log, () => queues.ofTopic(topic));
      // What the decision says of the log must not be undone by a power cut: later records would lie where it says that all is deleted. So it says where the log ended before the sync.
      endOffset = log.visibleOffset;
      await log.syncWritten();
    } catch (error) {
      deletedTopics.reopen(topic);
      throw error;
    }
    await deletedTopics.decide(topic, endOffset);
  }

  async #removeAll(topic: string, forget: ForgetTopic): Promise<void> {
    const { topics, queues, checkpoints } = this.#parts;
    await topics.delete(topic);
    // A checkpoint must not write the queues while their files are removed.
    await checkpoints.withoutCheckpoint(() => queues.remove(topic));
    await forget(topic);
  }
}
