import { UnknownOptionError } from './option.errors.js';

/** Options that do not exist would have no effect, so they are refused. @throws UnknownOptionError */
export function refuseUnknown(owner: string, given: object, known: readonly string[]): void {
  const option = Object.keys(given).find((name) => !known.includes(name));
  if (option !== undefined) throw new UnknownOptionError({ owner, option, nearest: undefined, known });
}
