import type { TransactionChecker } from '../types/index.js';

interface RegisteredChecker {
  readonly checker: TransactionChecker;
  /** Undefined: any. */
  readonly topics: ReadonlySet<string> | undefined;
}

/** Who answers for which producer group. Of several checkers that answer for a topic, those that name it come first, and of these the one that came last answers. */
export class CheckerRegistry {
  readonly #checkers = new Map<string, readonly RegisteredChecker[]>();

  add(producerGroup: string, checker: TransactionChecker, topics: readonly string[] | undefined): () => void {
    // An object of its own, so that a checker that was added twice is taken away once.
    const entry = { checker, topics: topics && new Set(topics) };
    this.#checkers.set(producerGroup, [...(this.#checkers.get(producerGroup) ?? []), entry]);
    return () => {
      const left = (this.#checkers.get(producerGroup) ?? []).filter((other) => other !== entry);
      if (left.length > 0) this.#checkers.set(producerGroup, left);
      else this.#checkers.delete(producerGroup);
    };
  }

  /** Whether anybody answers for the group, whatever the topic. */
  has(producerGroup: string): boolean {
    return this.#checkers.has(producerGroup);
  }

  of(producerGroup: string, topic: string): TransactionChecker | undefined {
    const ofGroup = this.#checkers.get(producerGroup) ?? [];
    const found =
      ofGroup.findLast(({ topics }) => topics?.has(topic) === true) ??
      ofGroup.findLast(({ topics }) => topics === undefined);
    return found?.checker;
  }
}
