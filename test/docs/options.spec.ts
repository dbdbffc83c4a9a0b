import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resolveListenerOptions } from '../../lib/listener/listener-options.js';
import { resolveRocketOptions } from '../../lib/rocket.options.js';

interface OptionRow {
  readonly path: string;
  readonly value: unknown;
  readonly text: string;
}

interface OptionTables {
  readonly defaults: (module: object, listener: object) => object;
  readonly optionTables: (resolved: object) => { readonly rows: readonly OptionRow[] }[];
  readonly optionDocument: (resolved: object) => string;
}

const root = join(import.meta.dirname, '..', '..');
const { defaults, optionTables, optionDocument } = (await import(`${root}/tools/option-tables.mjs`)) as OptionTables;

const listener = resolveListenerOptions('a listener', { topic: 'orders', consumerGroup: 'billing' });
const resolved = defaults(resolveRocketOptions({}), listener);
const rows = optionTables(resolved).flatMap((table) => table.rows);

/** The default that a docstring states, as a number: `Default 64 MiB.`, `default 20`, `0 (default)`. */
function statedNumber(text: string): number | undefined {
  const found =
    /\bdefault(?: and upper limit)?:? ([−\d][\d,]*)( GiB| MiB)?/i.exec(text) ?? /([−\d]+) \(default\)/.exec(text);
  if (found === null) return undefined;
  const unit = { ' GiB': 2 ** 30, ' MiB': 2 ** 20 }[found[2] ?? ''] ?? 1;
  return Number(found[1]!.replace('−', '-').replaceAll(',', '')) * unit;
}

function statesDefault({ text, value }: OptionRow): boolean {
  // What depends on something else is told in words.
  if (value === undefined || typeof value === 'object' || text.includes('Default: ')) return true;
  if (typeof value === 'number') return statedNumber(text) === value;
  const shown = JSON.stringify(value).replaceAll('"', '');
  return ['`X` (default)', 'X (default)', 'Default `X`', "Default `'X'`", 'Default X'].some((form) =>
    text.includes(form.replace('X', shown)),
  );
}

describe('the documented options', () => {
  it('are those of the code', () => {
    expect(readFileSync(join(root, 'docs/options.md'), 'utf8')).toBe(optionDocument(resolved));
  });

  it('all have a meaning', () => {
    expect(rows.length).toBeGreaterThan(60);
    expect(rows.filter(({ text }) => text === '').map(({ path }) => path)).toEqual([]);
  });

  it('state the defaults that the code has', () => {
    const wrong = rows.filter((row) => /default/i.test(row.text) && !statesDefault(row));
    expect(wrong.map(({ path, value, text }) => ({ path, value, text }))).toEqual([]);
  });
});
