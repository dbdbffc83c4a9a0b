/**
 * Reads JSON as RocketMQ's brokers write it: fastjson leaves integer keys bare (`{0:12}`), which is no JSON.
 *
 * @throws SyntaxError the text is not JSON either way
 */
export function parseLenientJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return JSON.parse(quoteIntegerKeys(text)) as unknown;
  }
}

/**
 * A string, or a bare integer key with its colon: strings are matched so that nothing inside them is taken for a key. One that a damaged file does not end goes on to the end of the
 * text: else each of its quotes would be tried for the beginning of one, which takes minutes for a few hundred kilobytes.
 */
const STRING_OR_KEY = /"[^"\\]*(?:\\[^][^"\\]*)*(?:"|\\?$)|([{,]\s*)(-?\d+)(\s*:)/g;

function quoteIntegerKeys(text: string): string {
  return text.replace(STRING_OR_KEY, (match: string, before?: string, key?: string, after?: string) =>
    key === undefined ? match : `${before}"${key}"${after}`,
  );
}
