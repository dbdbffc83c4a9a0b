import fc from 'fast-check';
import { compileSelector } from '../../../lib/engine/filter/index.js';
import { javaStringHash } from '../../../lib/engine/store/java-hash.js';
import { FilterTagIllegalError, FilterTooComplexError } from '../../../lib/errors/index.js';

const byTag = (expression: string) => compileSelector({ type: 'TAG', expression });
const message = (tags: string | undefined) => ({ tags, properties: {} });

describe('tag filter', () => {
  it.each([null, undefined, '', '   ', '*', ' * ', '\t*\n'])(
    '%j accepts every message and looks at none',
    (expression) => {
      expect(byTag(expression as string)).toEqual({});
    },
  );

  it.each([
    ['TagA', ['TagA']],
    ['TagA||TagB', ['TagA', 'TagB']],
    ['  TagA  ||\tTagB\n', ['TagA', 'TagB']],
    ['|| TagA || || TagB ||', ['TagA', 'TagB']],
    ['TagA || TagA', ['TagA']],
    ['Tag A || a > 5 || 中文', ['Tag A', 'a > 5', '中文']],
  ])('%j accepts exactly %j', (expression, accepted) => {
    const { accepts, acceptsTagsCode } = byTag(expression);
    const others = ['TagC', 'taga', 'Tag', 'TagA||TagB', '', ' TagA', '*', 'A', 'Tag A '];
    for (const tag of [...accepted, 'TagB', ...others]) {
      expect([tag, accepts?.(message(tag))]).toEqual([tag, accepted.includes(tag)]);
      expect([tag, acceptsTagsCode?.(javaStringHash(tag))]).toEqual([tag, accepted.includes(tag)]);
    }
    expect(accepts?.(message(undefined))).toBe(false);
    expect(acceptsTagsCode?.(0)).toBe(false);
  });

  it('compares texts where two tags share a hash code', () => {
    const { accepts, acceptsTagsCode } = byTag('Aa');
    expect(acceptsTagsCode?.(javaStringHash('BB'))).toBe(true);
    expect(accepts?.(message('BB'))).toBe(false);
    expect(accepts?.(message('Aa'))).toBe(true);
  });

  it('knows negative codes, and looks at the low 32 bits as RocketMQ does', () => {
    const { acceptsTagsCode } = byTag('polygenelubricants');
    expect(acceptsTagsCode?.(-2147483648)).toBe(true);
    expect(acceptsTagsCode?.(2147483648)).toBe(true);
    expect(acceptsTagsCode?.(2 ** 40 + 2 ** 31)).toBe(true);
    expect(acceptsTagsCode?.(2147483647)).toBe(false);
  });

  it.each([
    ['||', '||'],
    ['|| ||', '|| ||'],
    ['|', '|'],
    ['TagA | TagB', 'TagA | TagB'],
    ['TagA || Tag|B', 'Tag|B'],
    ['TagA|||TagB', '|TagB'],
    ['TagA || *', '*'],
    ['Tag\u0001A', 'Tag\u0001A'],
    ['Tag\u0002A || TagB', 'Tag\u0002A'],
  ])('%j is refused with an error that names %j', (expression, tag) => {
    expect(() => byTag(expression)).toThrow(
      expect.objectContaining({ code: 'FILTER_TAG_ILLEGAL', fields: expect.objectContaining({ expression, tag }) }),
    );
    expect(() => byTag(expression)).toThrow(FilterTagIllegalError);
  });

  it('refuses a filter over the limit of length', () => {
    const expression = 'TagA || '.repeat(8192);
    expect(byTag(expression).accepts?.(message('TagA'))).toBe(true);
    expect(() => byTag(`${expression}T`)).toThrow(FilterTooComplexError);
  });

  it('agrees with a plain split of the text, for any tags and any blanks', () => {
    const tags = fc.oneof(fc.constantFrom('Aa', 'BB', 'C#', 'a b', 'AaBB', 'BBAa'), fc.string({ maxLength: 4 }));
    const pieces = fc.array(fc.tuple(fc.constantFrom('', ' ', '\t', '  '), tags, fc.constantFrom('', ' ', '\n')), {
      minLength: 1,
    });
    fc.assert(
      fc.property(pieces, fc.array(tags), (parts, sent) => {
        const expression = parts.map((part) => part.join('')).join('||');
        const wanted = expression.split('||').map((part) => part.trim());
        fc.pre(wanted.some((tag) => tag !== '') && !wanted.some((tag) => tag === '*' || tag.includes('|')));
        const { accepts, acceptsTagsCode } = byTag(expression);
        for (const tag of [...sent, ...wanted]) {
          const expected = tag !== '' && wanted.includes(tag);
          expect(accepts?.(message(tag))).toBe(expected);
          // The code may say yes too often, never too seldom.
          expect(!expected || acceptsTagsCode?.(javaStringHash(tag))).toBe(true);
        }
      }),
    );
  });
});
