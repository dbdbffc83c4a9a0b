import type { ValidationError } from 'class-validator';

/** What is wrong with an object, as text: each complaint once. */
export function sentencesOf(errors: readonly ValidationError[]): string {
  const complaints = errors.flatMap((error) => Object.values(error.constraints ?? {}));
  return `${[...new Set(complaints)].join('; ')}.`;
}
