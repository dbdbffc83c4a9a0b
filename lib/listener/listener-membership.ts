import type { Consumer, ConsumerSpec, MessageEngine } from '../engine/index.js';
import { ListenerRefusedError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import type { ListenerDefinition } from './listener-definition.js';
import { ListenerControl } from './listener-control.js';

/** One member of a consumer group: all listeners of the app that name the group, or one that was made by code. */
export class ListenerMembership {
  readonly listeners: readonly ListenerControl[];
  readonly #spec: ConsumerSpec;
  #consumer: Consumer | undefined;
  #leaving: Promise<number> | undefined;

  constructor(spec: ConsumerSpec, definitions: readonly ListenerDefinition[]) {
    this.#spec = spec;
    this.listeners = definitions.map((definition) => new ListenerControl(definition));
  }

  get group(): string {
    return this.#spec.group;
  }

  /**
   * Fixes where the group begins. No handler is called before {@link begin}.
   *
   * @throws ListenerRefusedError
   */
  async join(engine: MessageEngine): Promise<void> {
    try {
      this.#consumer = await engine.subscribe({ ...this.#spec, paused: true });
      // For an engine that does not know of it. Alone it would come too late where other apps' handlers are at work on the same engine.
      this.#consumer.pause();
    } catch (error) {
      const listeners = this.listeners.map(({ name }) => name);
      throw new ListenerRefusedError({ listeners, group: this.group, reason: messageOf(error) }, error);
    }
    for (const listener of this.listeners) listener.joined(this.#consumer);
  }

  /** Harmless before the group has been joined. */
  begin(): void {
    if (this.#consumer === undefined) return;
    // All at once, then those that are paused again: what belongs to no listener is resumed only so. Nothing starts in between.
    this.#consumer.resume();
    for (const listener of this.listeners) listener.begin();
  }

  /** No new handlers from here on. */
  pause(): void {
    this.#consumer?.pause();
  }

  /** @returns how many handlers were still running at the end of the time */
  leave(timeoutMs: number): Promise<number> {
    this.#leaving ??= this.#leave(timeoutMs);
    return this.#leaving;
  }

  async #leave(timeoutMs: number): Promise<number> {
    for (const listener of this.listeners) listener.closed();
    return (await this.#consumer?.close({ timeoutMs })) ?? 0;
  }
}
