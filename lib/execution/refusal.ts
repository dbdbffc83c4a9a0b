import { HttpException, Logger } from '@nestjs/common';
import type { BatchContext, MessageExt } from '../engine/index.js';
import { NonRetryableError, PayloadUnreadableError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import { ROCKET_LOG_CONTEXT } from '../rocket.constants.js';
import type { RocketContext } from './rocket-context.js';

/** What becomes of a message that a listener does not take. */
export type RefusalAction = 'DEAD_LETTER' | 'RETRY' | 'DISCARD';

/** Why a listener does not take a message: its payload is not what it must be, or a guard says no. */
export type RefusalReason = 'INVALID_PAYLOAD' | 'FORBIDDEN';

/** Properties that tell the reader of a dead letter why it is one. */
export const DEAD_LETTER_REASON = 'DLQ_REASON';
export const DEAD_LETTER_DETAIL = 'DLQ_DETAIL';

/** Enough for the errors of a large object, and far from the 32 KiB that all properties of a message may have. */
const MAX_DETAIL_LENGTH = 2000;

/**
 * Does with a refused message what its listener's option says: returns (the message is done), or throws.
 *
 * @param error what the converter, a pipe or a guard threw
 */
export function settleRefusal(
  context: RocketContext,
  reason: RefusalReason,
  action: RefusalAction,
  error: unknown,
): undefined {
  if (action === 'RETRY') throw error;
  const detail = detailOf(error);
  const what = reason === 'FORBIDDEN' ? 'a guard refuses it' : 'its payload is invalid';
  const text = `${context.listener} does not take message ${context.message.msgId}: ${what} (${detail})`;
  if (action === 'DISCARD') {
    new Logger(ROCKET_LOG_CONTEXT).warn(`${text}. It is discarded`);
    return undefined;
  }
  const properties = { [DEAD_LETTER_REASON]: reason, [DEAD_LETTER_DETAIL]: detail };
  throw new NonRetryableError(text, { cause: error, properties });
}

/** What is said of single messages of a batch: by its handler, and before it is called. */
export interface BatchRemarks extends BatchContext {
  /** The message is done, and its handler does not get it. */
  discard(message: MessageExt): void;
}

/**
 * The same for one message of a batch: the others are handled as if it had not been there.
 *
 * @returns true when it has failed; false when it is discarded, and so done
 */
export function settleRefusalInBatch(
  batch: BatchRemarks,
  context: RocketContext,
  action: RefusalAction,
  error: unknown,
): boolean {
  try {
    settleRefusal(context, 'INVALID_PAYLOAD', action, error);
  } catch (reason) {
    batch.fail(context.message, reason);
    return true;
  }
  batch.discard(context.message);
  return false;
}

/**
 * Tells a pipe or a guard that says no from one that fails, such as for want of its database: that may go well at the next attempt. No is what Nest throws for it, an `HttpException`
 * of 400 to 499; an `RpcException`; and what zod and its kind throw, an error with a list of `issues`.
 */
export function saysNo(error: unknown): boolean {
  if (error instanceof HttpException) return error.getStatus() >= 400 && error.getStatus() < 500;
  if (typeof error !== 'object' || error === null) return false;
  const { getError, issues } = error as { getError?: unknown; issues?: unknown };
  return typeof getError === 'function' || Array.isArray(issues);
}

/** Every validation error in one text. */
function detailOf(error: unknown): string {
  const text = detailsOf(error).join('; ') || messageOf(error);
  return text.length > MAX_DETAIL_LENGTH ? `${text.slice(0, MAX_DETAIL_LENGTH)}...` : text;
}

function detailsOf(error: unknown): readonly string[] {
  if (typeof error !== 'object' || error === null) return [];
  if (error instanceof PayloadUnreadableError) return [error.fields.reason];
  const { issues } = error as { issues?: unknown };
  if (Array.isArray(issues)) return issues.map(issueText);
  const response: unknown = error instanceof HttpException ? error.getResponse() : rpcErrorOf(error);
  if (typeof response === 'string') return [response];
  const message: unknown = (response as { message?: unknown } | null | undefined)?.message;
  const messages: readonly unknown[] = Array.isArray(message) ? message : [message];
  return messages.filter((item) => item !== undefined).map((item) => (typeof item === 'string' ? item : asJson(item)));
}

function rpcErrorOf(error: object): unknown {
  const { getError } = error as { getError?: unknown };
  return typeof getError === 'function' ? (getError.call(error) as unknown) : undefined;
}

function issueText(issue: unknown): string {
  const { path, message } = issue as { path?: unknown; message?: unknown };
  const place = Array.isArray(path) && path.length > 0 ? `${path.map(String).join('.')}: ` : '';
  return `${place}${typeof message === 'string' ? message : asJson(issue)}`;
}

function asJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return `a value of type ${typeof value}`;
  }
}
