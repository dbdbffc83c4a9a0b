import type { MetricValue } from '../types/index.js';

/** Counts by the value of one label. */
export class TallyByName<Label extends string> {
  readonly #label: Label;
  readonly #counts = new Map<string, number>();

  constructor(label: Label) {
    this.#label = label;
  }

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Lets go of names that are no more, so that memory stays bounded. */
  keep(exists: (name: string) => boolean): void {
    for (const name of this.#counts.keys()) if (!exists(name)) this.#counts.delete(name);
  }

  values(): readonly MetricValue<Label>[] {
    return [...this.#counts].map(([name, value]) => ({
      labels: { [this.#label]: name } as Readonly<Record<Label, string>>,
      value,
    }));
  }
}
