import { InvalidOptionError } from './errors/index.js';

/**
 * Carries what is known where a message is sent, such as what an AsyncLocalStorage holds, to where it is handled. It travels in the message's properties.
 */
export interface ContextCarrier {
  /** Called at each send. What it returns is added to the message's properties, where the send does not set them itself. */
  capture(): Readonly<Record<string, string>>;
  /**
   * Calls `handle` in the context that the properties tell of, and returns what it returns. Called for every delivery, around guards and handler, and around
   * check-backs; not for batches, whose messages come from many contexts.
   */
  run<T>(properties: Readonly<Record<string, string>>, handle: () => T): T;
}

/** Runs in the context of a message, whatever the carrier makes of the result: a promise that got lost would make a message done that is still being handled. */
export function runInContext<T>(
  carrier: ContextCarrier | undefined,
  properties: Readonly<Record<string, string>>,
  handle: () => T,
): T {
  if (carrier === undefined) return handle();
  const results: T[] = [];
  try {
    carrier.run(properties, () => {
      const result = handle();
      results.push(result);
      return result;
    });
  } catch (error) {
    leaveAlone(results);
    throw error;
  }
  if (results.length === 1) return results[0]!;
  leaveAlone(results);
  throw new InvalidOptionError({
    option: 'producer.context',
    value: carrier,
    expected: `a carrier whose run calls its function once before it returns; it called it ${results.length} times`,
  });
}

/** Nobody waits for these handlers, so a rejection of theirs would end the process. */
function leaveAlone(results: readonly unknown[]): void {
  void Promise.allSettled(results);
}
