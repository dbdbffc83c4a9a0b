import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ENGINE_METRICS, type EngineEvent } from '../../lib/engine/index.js';

const page = readFileSync(join(import.meta.dirname, '../../docs/observability.md'), 'utf8');
const rowsOf = (heading: string): string[] =>
  page
    .split(`\n## ${heading}\n`)[1]!
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('| `'));

/** Every type of event with the fields beside it. A type that is missing here, or one field too many, does not compile. */
const EVENTS: {
  readonly [Type in EngineEvent['type']]: Readonly<
    Record<Exclude<keyof Extract<EngineEvent, { type: Type }>, 'type'>, true>
  >;
} = (() => {
  const delivery = { group: true, topic: true, msgId: true, attempt: true } as const;
  const transaction = { producerGroup: true, transactionId: true, topic: true } as const;
  return {
    handlerFailed: { ...delivery, error: true },
    handlerTimedOut: delivery,
    messageRetried: delivery,
    messageDeadLettered: { ...delivery, deadLetterTopic: true },
    redeliveryFailed: { ...delivery, error: true },
    checkFailed: { ...transaction, error: true },
    transactionSetAside: { ...transaction, checkTimes: true },
    flushFailed: { error: true, lostMessages: true },
    sendFailed: { topic: true, error: true },
    storeRefused: { topic: true, error: true },
    replyDropped: { topic: true, msgId: true },
  } as const;
})();

describe('docs/observability.md', () => {
  it('has every metric with its type, unit, labels and meaning, and no other', () => {
    const expected = Object.entries(ENGINE_METRICS).map(([name, { type, unit, labels, help }]) => {
      const named = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type} | ${unit} | ${named} | ${help} |`;
    });
    expect(rowsOf('Metrics')).toEqual(expected);
  });

  it('has every event with its data, and no other', () => {
    const stated = rowsOf('Events').map((row) => {
      const cells = row.split(' | ');
      return [cells[0], cells.at(-1)];
    });
    const expected = Object.entries(EVENTS).map(([type, fields]) => {
      const named = Object.keys(fields).map((field) => `\`${field}\``);
      return [`| \`${type}\``, `${named.join(', ')} |`];
    });
    expect(stated).toEqual(expected);
  });
});
