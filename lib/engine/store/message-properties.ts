// RocketMQ keeps properties as text: name 0x01 value 0x02, repeated (MessageDecoder.string2messageProperties).

const NAME_VALUE_SEPARATOR = '\u0001';
const PROPERTY_SEPARATOR = '\u0002';

export type MessageProperties = Record<string, string>;

/**
 * Reads the text form. As in RocketMQ, the last separator may be missing, pairs with an empty name or value are dropped, and the last
 * of several values of one name counts.
 */
export function parseProperties(text: string): MessageProperties {
  // Without a prototype, so that a property called `__proto__` is a property like any other.
  const properties = Object.create(null) as MessageProperties;
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf(PROPERTY_SEPARATOR, start);
    if (end < 0) end = text.length;
    const separator = text.indexOf(NAME_VALUE_SEPARATOR, start);
    if (separator > start && separator < end - 1) {
      properties[text.slice(start, separator)] = text.slice(separator + 1, end);
    }
    start = end + 1;
  }
  return properties;
}

/** Writes the text form, in the order of the object's keys. */
export function formatProperties(properties: Readonly<MessageProperties>): string {
  let text = '';
  for (const name of Object.keys(properties)) text += formatProperty(name, properties[name]!);
  return text;
}

/** The text form of one property; texts of several can be joined. */
export function formatProperty(name: string, value: string): string {
  return name + NAME_VALUE_SEPARATOR + value + PROPERTY_SEPARATOR;
}

/** The value of one property, without reading the others. The last one counts, as in {@link parseProperties}. */
export function findProperty(text: string, name: string): string | undefined {
  const wanted = name + NAME_VALUE_SEPARATOR;
  for (let from = text.length; ;) {
    const at = text.lastIndexOf(wanted, from);
    if (at < 0) return undefined;
    if (at === 0 || text[at - 1] === PROPERTY_SEPARATOR) {
      const end = text.indexOf(PROPERTY_SEPARATOR, at);
      const value = text.slice(at + wanted.length, end < 0 ? text.length : end);
      if (value !== '') return value;
    }
    if (at === 0) return undefined;
    from = at - 1;
  }
}
