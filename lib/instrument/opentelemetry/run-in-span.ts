import { context, SpanStatusCode, trace, type Context, type Span } from '@opentelemetry/api';
import { messageOf } from '../../errors/thrown.js';

/** Runs work as the active span of a context, and ends the span with it: at once for a plain value, else when the promise has settled. */
export function runInSpan<T>(span: Span, parent: Context, work: () => T): T {
  let result: T;
  try {
    result = context.with(trace.setSpan(parent, span), work);
  } catch (error) {
    endWithError(span, error);
    throw error;
  }
  if (!isThenable(result)) {
    span.end();
    return result;
  }
  const settled = Promise.resolve(result).then(
    (value) => {
      span.end();
      return value;
    },
    (error: unknown) => {
      endWithError(span, error);
      throw error;
    },
  );
  return settled as T;
}

function endWithError(span: Span, error: unknown): void {
  span.recordException({ name: typeOf(error), message: messageOf(error), ...stackOf(error) });
  span.setAttribute('error.type', typeOf(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
  span.end();
}

/** The code of an error of this package, else the name of its class. */
function typeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '_OTHER';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'name' in error && typeof error.name === 'string' ? error.name : '_OTHER';
}

function stackOf(error: unknown): { stack?: string } {
  const stack: unknown = (error as { stack?: unknown } | null | undefined)?.stack;
  return typeof stack === 'string' ? { stack } : {};
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
