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

/** A string, or a bare integer key with its colon: strings are matched so that nothing inside them is taken for a key. */
const STRING_OR_KEY = /"(?:[^"\\]|\\.)*"|([{,]\s*)(-?\d+)(\s*:)/g;

function quoteIntegerKeys(text: string): string {
  return text.replace(STRING_OR_KEY, (match: string, before?: string, key?: string, after?: string) =>
    key === undefined ? match : `${before}"${key}"${after}`,
  );
}
