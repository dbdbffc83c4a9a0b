import { formatProperty, MAX_PROPERTIES_BYTES, parseProperties } from '../store/index.js';
import { RESERVED_PROPERTIES } from '../types/index.js';

const MAX_REASONS = 16;
const MAX_NAME_LENGTH = 128;
const MAX_VALUE_LENGTH = 2048;
/** Left free for what the broker itself writes later, such as when the dead letter is sent again. */
const ROOM_TO_LEAVE_BYTES = 2048;

/**
 * Properties of a dead letter, with the reasons that its handler gave. A dead letter must always be stored, or the message would be handled again and again: what can not be taken is
 * left out or cut.
 *
 * @param text the message's own properties, as stored; they stay
 */
export function withReasons(text: string, reasons: Readonly<Record<string, string>>): string {
  const names = Object.keys(reasons);
  if (names.length === 0) return text;
  const own = parseProperties(text);
  let room = MAX_PROPERTIES_BYTES - ROOM_TO_LEAVE_BYTES - Buffer.byteLength(text);
  let added = '';
  for (const name of names.slice(0, MAX_REASONS)) {
    if (name === '' || name.length > MAX_NAME_LENGTH || hasSeparator(name)) continue;
    if (RESERVED_PROPERTIES.has(name) || own[name] !== undefined) continue;
    const value = withoutSeparators(reasons[name]!.slice(0, MAX_VALUE_LENGTH)).trim();
    if (value === '') continue;
    const property = formatProperty(name, value);
    const sizeBytes = Buffer.byteLength(property);
    if (sizeBytes > room) continue;
    room -= sizeBytes;
    added += property;
  }
  return text + added;
}

const FIRST_PRINTABLE = 0x20;

function hasSeparator(text: string): boolean {
  return withoutSeparators(text) !== text;
}

/** The separators of the text form are control characters. */
function withoutSeparators(text: string): string {
  let clean = '';
  for (const character of text) clean += character.charCodeAt(0) < FIRST_PRINTABLE ? ' ' : character;
  return clean;
}
