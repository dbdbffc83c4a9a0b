import type { ConsumeCounters, ConsumerQueueStatus } from '../engine/index.js';

/** What a listener is doing, and what it has done since it began. */
export interface ListenerStatus extends ConsumeCounters {
  readonly id: string;
  readonly topic: string;
  readonly consumerGroup: string;
  /**
   * `waiting`: handlers begin when the application has bootstrapped. `paused`: by {@link ListenerHandle.pause}. `closed`: it takes no part in its group any more.
   */
  readonly state: 'waiting' | 'running' | 'paused' | 'closed';
  /** Handlers that are running. */
  readonly running: number;
  /** The queues of the topic that the app's member of the group has now. */
  readonly queues: readonly ConsumerQueueStatus[];
  /** Messages of these queues that are in memory and not done. */
  readonly prefetched: number;
  /** Messages of these queues that are not done, in memory or not. */
  readonly lag: number;
}

/** A listener of the app, to steer and to look at. */
export interface ListenerHandle {
  /** Its `id` option, or `topic@consumerGroup`. */
  readonly id: string;
  /** For people: class, method and module; of a listener from code, its id. */
  readonly name: string;
  readonly topic: string;
  readonly consumerGroup: string;
  /** No new handler is started until {@link resume}; running ones go on. The app keeps its queues, so no other member gets their messages meanwhile. */
  pause(): void;
  resume(): void;
  status(): ListenerStatus;
}

/** A listener that was made by code. */
export interface DynamicListenerHandle extends ListenerHandle, AsyncDisposable {
  /**
   * Ends the subscription: no new handlers, then waits for running ones, then stores the positions. Its queues go to other members of the group. Messages whose
   * handlers did not end in time come again. A second call waits for the first.
   *
   * @param options.timeoutMs how long to wait for running handlers; default: the module's `consumer.shutdownTimeoutMs`
   * @returns how many handlers were still running at the end of the time
   */
  close(options?: { readonly timeoutMs?: number | undefined }): Promise<number>;
}
