/** A value in an error text: short, and never empty. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `a function (${value.name || 'anonymous'})`;
  try {
    return `a value of type ${Object.prototype.toString.call(value).slice(8, -1)}`;
  } catch {
    // A revoked proxy does not even tell its type.
    return 'a value that can not be read';
  }
}
