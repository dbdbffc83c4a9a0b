/** The text of whatever was thrown: not only errors are. Looks at fields, since an error may come from another realm. */
export function messageOf(thrown: unknown): string {
  const message: unknown = (thrown as { message?: unknown } | null | undefined)?.message;
  return typeof message === 'string' ? message : describeThrown(thrown);
}

/** The same with the stack, for a log. */
export function stackOf(thrown: unknown): string {
  const stack: unknown = (thrown as { stack?: unknown } | null | undefined)?.stack;
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
