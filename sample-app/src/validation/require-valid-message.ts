import { validateSync } from 'class-validator';
import { NonRetryableError } from 'nestjs-rocket';
import { sentencesOf } from './sentences.js';

/**
 * Refuses a payload that breaks the rules of its class. Such a message is as wrong the next time, so it becomes a dead letter at once instead of
 * coming again sixteen times.
 */
export function requireValidMessage(payload: object): void {
  const errors = validateSync(payload);
  if (errors.length > 0) throw new NonRetryableError(`The message can never be handled: ${sentencesOf(errors)}`);
}
