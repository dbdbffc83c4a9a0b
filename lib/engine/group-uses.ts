import { GroupUseConflictError } from '../errors/index.js';
import type { GroupUse } from './types/index.js';

/**
 * Knows which consumer groups are used by listeners and which by pull consumers, at this moment. A group has one offset for each queue: were it used by both, each would
 * commit what the other has not done, and messages would be lost. RocketMQ's broker takes both and does not tell.
 */
export class GroupUses {
  readonly #uses = new Map<string, { readonly use: GroupUse; count: number }>();

  /**
   * Notes that a group is used in one way.
   *
   * @returns a function that takes the note back, once
   * @throws GroupUseConflictError when it is used in the other way
   */
  claim(group: string, use: GroupUse): () => void {
    const present = this.#uses.get(group) ?? { use, count: 0 };
    if (present.use !== use) throw new GroupUseConflictError({ group, asked: use, present: present.use });
    present.count++;
    this.#uses.set(group, present);
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      present.count--;
      if (present.count === 0) this.#uses.delete(group);
    };
  }
}
