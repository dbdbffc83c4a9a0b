/**
 * A field of whatever was thrown; undefined when it can not be read. Code of others throws: a getter that throws in turn, or a proxy that has been revoked, must not
 * keep a failure from being dealt with.
 */
export function fieldOf(thrown: unknown, name: string): unknown {
  try {
    return (thrown as Record<string, unknown> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

/** The text of whatever was thrown: not only errors are. Looks at fields, since an error may come from another realm. */
export function messageOf(thrown: unknown): string {
  const message = fieldOf(thrown, 'message');
  return typeof message === 'string' ? message : describeThrown(thrown);
}

/** The same with the stack, for a log. */
export function stackOf(thrown: unknown): string {
  const stack = fieldOf(thrown, 'stack');
  return typeof stack === 'string' ? stack : messageOf(thrown);
}

function describeThrown(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  try {
    return JSON.stringify(thrown) ?? typeof thrown;
  } catch {
    return `a value of type ${typeof thrown}`;
  }
}
