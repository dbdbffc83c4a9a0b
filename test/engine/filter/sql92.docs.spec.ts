import { readFileSync } from 'node:fs';
import { compileSelector } from '../../../lib/engine/filter/index.js';
import { FilterSyntaxError } from '../../../lib/errors/index.js';

const page = readFileSync(new URL('../../../docs/sql92.md', import.meta.url), 'utf8');

/** The cells of the table under a heading, without the code quotes, and without its head. */
function rowsUnder(heading: string): string[][] {
  const section = page.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) => line.split('|').map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')));
}

describe('docs/sql92.md', () => {
  const refused = rowsUnder('Refused here, taken by RocketMQ').map(([, filter, , instead]) => [filter, instead]);
  const evaluated = ['Evaluated differently', 'Kept, although it may surprise']
    .flatMap(rowsUnder)
    .map(([, filter, properties, , here]) => [filter, properties, here]);

  it('has its tables', () => {
    expect(refused.length).toBeGreaterThan(20);
    expect(evaluated.length).toBeGreaterThan(20);
  });

  it.each(refused)('is right that %s is refused, and that %s can be written', (filter = '', instead = '') => {
    expect(() => compileSelector({ type: 'SQL92', expression: filter })).toThrow(FilterSyntaxError);
    expect(compileSelector({ type: 'SQL92', expression: instead })).toHaveProperty('accepts');
  });

  it.each(["a > 'x'", 'a = NULL', 'a IN (1, 2)', 'a BETWEEN 5 AND 1', 'a = 0.0', 'a != 1'])(
    'is right that %s is refused',
    (filter) => {
      expect(page).toContain(filter.replace('a = 0.0', '0.0'));
      expect(() => compileSelector({ type: 'SQL92', expression: filter })).toThrow(FilterSyntaxError);
    },
  );

  it.each(evaluated)('is right about %s with %s: %s', (filter = '', properties = '', here = '') => {
    const message = { tags: undefined, properties: JSON.parse(properties) as Record<string, string> };
    expect(here).toMatch(/^(?:yes|no)$/);
    expect(compileSelector({ type: 'SQL92', expression: filter }).accepts?.(message)).toBe(here === 'yes');
  });
});
