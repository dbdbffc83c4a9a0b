import { PullSelectorRefusedError } from '../../errors/index.js';
import type { MessageSelector } from '../types/index.js';
import type { ResolvedPullOptions } from './pull-options.js';
import type { PullRoom, SelectorFunctions } from './pull-room.js';

export interface PullSelector {
  /** What members of one group must agree on. */
  readonly text: string;
  readonly functions: SelectorFunctions;
}

/**
 * Checks a selector and makes it ready to run. A broadcasting pull consumer may only select everything.
 *
 * @throws PullSelectorRefusedError, and what the compiler throws
 */
export function pullSelector(
  room: PullRoom,
  { group, start }: ResolvedPullOptions,
  topic: string,
  selector: MessageSelector | string | undefined,
): PullSelector {
  const stated = asSelector(selector);
  const functions = room.compileSelector(stated);
  const selectsAll = functions.accepts === undefined && functions.acceptsTagsCode === undefined;
  if (start.messageModel === 'BROADCASTING' && !selectsAll) {
    throw new PullSelectorRefusedError({ group, topic, expression: stated.expression });
  }
  return { text: selectsAll ? 'all' : textOf(stated), functions };
}

function asSelector(selector: MessageSelector | string | null | undefined): MessageSelector {
  if (selector === undefined || selector === null) return { type: 'TAG', expression: '*' };
  return typeof selector === 'string' ? { type: 'TAG', expression: selector } : selector;
}

/** The order of tags, and the blanks around them, make no difference. */
function textOf({ type, expression }: MessageSelector): string {
  if (type !== 'TAG') return `${type} "${expression}"`;
  const tags = expression.split('||').map((tag) => tag.trim());
  return `TAG "${[...new Set(tags)]
    .filter((tag) => tag !== '')
    .toSorted()
    .join(' || ')}"`;
}
