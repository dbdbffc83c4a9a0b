import { messageOf, stackOf } from '../../errors/thrown.js';
import type { EngineEvent, EngineEventListener, EngineLogger } from '../types/index.js';

/** Tells listeners what has happened. A listener that throws is logged and goes on being told; the engine does not notice. */
export class EventHub {
  readonly #logger: EngineLogger;
  /** Replaced, never changed in place: a listener may end its part, or another's, while it is being told. */
  #listeners: readonly EngineEventListener[] = [];

  constructor(logger: EngineLogger) {
    this.#logger = logger;
  }

  /** False: nobody listens, so an event need not be made. */
  get isHeard(): boolean {
    return this.#listeners.length > 0;
  }

  /** @returns a function that ends it */
  listen(listener: EngineEventListener): () => void {
    // A function of its own for each call: the same listener may be given twice, and each ends for itself.
    const entry: EngineEventListener = (event) => listener(event);
    this.#listeners = [...this.#listeners, entry];
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== entry);
    };
  }

  emit(event: EngineEvent): void {
    for (const listener of this.#listeners) {
      try {
        const returned: unknown = listener(event);
        // Of an async function, whose rejection nobody else would see before it ends the process.
        if (returned instanceof Promise) returned.catch((error: unknown) => this.#logThrown(event, error));
      } catch (error) {
        this.#logThrown(event, error);
      }
    }
  }

  #logThrown({ type }: EngineEvent, error: unknown): void {
    this.#logger.error(`A listener to engine events threw at "${type}": ${messageOf(error)}`, stackOf(error));
  }
}
