import type { TransactionChecker } from '../types/index.js';

/** Who answers for which producer group. Of several checkers of a group, the one that came last answers. */
export class CheckerRegistry {
  readonly #checkers = new Map<string, readonly { readonly checker: TransactionChecker }[]>();

  add(producerGroup: string, checker: TransactionChecker): () => void {
    // An object of its own, so that a checker that was added twice is taken away once.
    const entry = { checker };
    this.#checkers.set(producerGroup, [...(this.#checkers.get(producerGroup) ?? []), entry]);
    return () => {
      const left = (this.#checkers.get(producerGroup) ?? []).filter((other) => other !== entry);
      if (left.length > 0) this.#checkers.set(producerGroup, left);
      else this.#checkers.delete(producerGroup);
    };
  }

  of(producerGroup: string): TransactionChecker | undefined {
    return this.#checkers.get(producerGroup)?.at(-1)?.checker;
  }
}
