const FILLER = 'The quick brown fox jumps over the lazy dog. '.repeat(100);
const OVERHEAD_BYTES = JSON.stringify({ id: 0, text: '' }).length - 1;

/** An object whose JSON text has a number of bytes. Every broker carries it: as JSON where it takes objects, else as bytes of its JSON text. */
export function payloadOf(id, bodyBytes) {
  return { id, text: FILLER.slice(0, bodyBytes - OVERHEAD_BYTES - String(id).length) };
}

export const toBytes = (payload) => Buffer.from(JSON.stringify(payload));
export const fromBytes = (bytes) => JSON.parse(bytes.toString());
