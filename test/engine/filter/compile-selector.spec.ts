import { compileSelector } from '../../../lib/engine/filter/index.js';
import type { MessageSelector } from '../../../lib/engine/types/index.js';
import { InvalidOptionError } from '../../../lib/errors/index.js';

describe('compileSelector', () => {
  it('reads the same text as tags or as SQL92, as the type says', () => {
    const message = { tags: 'b = 1', properties: { b: '2' } };
    expect(compileSelector({ type: 'TAG', expression: 'b = 1' }).accepts?.(message)).toBe(true);
    expect(compileSelector({ type: 'SQL92', expression: 'b = 1' }).accepts?.(message)).toBe(false);
  });

  it('leaves the consume queue alone for SQL92: a tags code says nothing of properties', () => {
    expect(compileSelector({ type: 'SQL92', expression: 'a = 1' }).acceptsTagsCode).toBeUndefined();
  });

  it.each([
    [{ type: 'sql92', expression: 'a = 1' }, 'selectorType'],
    [{ expression: '*' }, 'selectorType'],
    [{ type: 'TAG', expression: 5 }, 'selectorExpression'],
    [{ type: 'TAG', expression: ['TagA'] }, 'selectorExpression'],
    [{ type: 'SQL92' }, 'selectorExpression'],
    [{ type: 'SQL92', expression: null }, 'selectorExpression'],
  ])('refuses %j and names the option', (selector, option) => {
    const compile = (): unknown => compileSelector(selector as unknown as MessageSelector);
    expect(compile).toThrow(InvalidOptionError);
    expect(compile).toThrow(expect.objectContaining({ fields: expect.objectContaining({ option }) }));
  });
});
