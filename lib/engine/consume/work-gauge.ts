import type { Activity } from '../types/index.js';

/** Tells the engine when this room is at work. One bracket spans all that overlaps, so that a message costs a counter and no closure. */
export class WorkGauge {
  readonly #activity: Activity;
  #count = 0;
  #end: (() => void) | undefined;

  constructor(activity: Activity) {
    this.#activity = activity;
  }

  enter(): void {
    if (this.#count++ === 0) this.#end = this.#activity.begin();
  }

  leave(): void {
    if (--this.#count > 0) return;
    const end = this.#end;
    this.#end = undefined;
    end?.();
  }
}
