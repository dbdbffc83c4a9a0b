import fc from 'fast-check';
import { consumerGroupRule, producerGroupRule, topicRule } from '../../lib/rocket.names.js';
import { anObject, checkOptions, integer, nearestName, oneOf } from '../../lib/rocket.option-rules.js';

describe('the nearest name', () => {
  const known = ['topic', 'consumerGroup', 'consumeMode', 'selectorExpression'];

  it.each([
    ['Topic', 'topic'],
    ['topics', 'topic'],
    ['consumergroup', 'consumerGroup'],
    ['consumeModel', 'consumeMode'],
    ['selectorExpresion', 'selectorExpression'],
  ])('of %s is %s', (given, expected) => {
    expect(nearestName(given, known)).toBe(expected);
  });

  it('is not given for what is far from all', () => {
    expect(nearestName('retryDelay', known)).toBeUndefined();
  });

  it('of a known name is itself', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, selector: (s) => s.toLowerCase() }),
        (names) => {
          for (const name of names) expect(nearestName(name, names)).toBe(name);
        },
      ),
    );
  });
});

describe('an object of options', () => {
  it.each<[string, unknown]>([
    ['a Map, whose entries are no fields', new Map([['a', 1]])],
    ['Headers', new Headers({ a: '1' })],
    ['an array', [1]],
    ['a Date', new Date(0)],
    ['a Promise that nobody awaited', Promise.resolve({ a: 1 })],
    ['a text', 'a'],
    ['null', null],
  ])('is not %s', (_what, value) => {
    expect(anObject.accepts(value)).toBe(false);
  });

  it('may be of a class, or without a prototype', () => {
    class Options {
      readonly timeoutMs = 1;
    }
    expect(anObject.accepts(new Options())).toBe(true);
    expect(anObject.accepts(Object.create(null))).toBe(true);
  });
});

describe('options', () => {
  const rules = { size: integer(1, 9), kind: oneOf('a', 'b') };
  const refusal = {
    invalid: (option: string, value: unknown, expected: string): Error =>
      new Error(`${option}=${String(value)} must be ${expected}`),
    unknown: (option: string, nearest: string | undefined): Error => new Error(`${option} unknown, ${nearest ?? '-'}`),
  };
  const check = (given: object, required: string[] = []): void => checkOptions(given, rules, refusal, required);

  it('are left out when undefined', () => {
    expect(() => check({ size: undefined })).not.toThrow();
  });

  it.each<[string, object, string]>([
    ['too small', { size: 0 }, 'size=0 must be a whole number from 1 to 9'],
    ['too large', { size: 10 }, 'size=10 must be'],
    ['not whole', { size: 1.5 }, 'size=1.5 must be'],
    ['not a number', { size: '3' }, 'size=3 must be'],
    ['NaN', { size: Number.NaN }, 'size=NaN must be'],
    ['null', { size: null }, 'size=null must be'],
    ['not one of the values', { kind: 'c' }, "kind=c must be 'a' or 'b'"],
    ['mistyped', { sise: 3 }, 'sise unknown, size'],
    ['named like something of every object', { constructor: 3 }, 'constructor unknown, -'],
  ])('are refused when %s', (_how, given, text) => {
    expect(() => check(given)).toThrow(text);
  });

  it('are refused when a required one is missing', () => {
    expect(() => check({ kind: 'a' }, ['size'])).toThrow('size=undefined must be');
  });
});

describe('names', () => {
  it.each([
    [topicRule, 'orders', true],
    [topicRule, 'Order_topic-1|%', true],
    [topicRule, 'a'.repeat(127), true],
    [topicRule, 'a'.repeat(128), false],
    [topicRule, `%DLQ%${'a'.repeat(120)}`, true],
    [topicRule, `%RETRY%${'a'.repeat(249)}`, false],
    [topicRule, '', false],
    [topicRule, 'a b', false],
    [topicRule, 'bestellungen-für', false],
    [topicRule, 7, false],
    [consumerGroupRule, 'a'.repeat(120), true],
    [consumerGroupRule, 'a'.repeat(121), false],
    [consumerGroupRule, 'DEFAULT_CONSUMER', false],
    [producerGroupRule, 'DEFAULT_PRODUCER', false],
    [producerGroupRule, 'DEFAULT_CONSUMER', true],
  ])('follow the rules of RocketMQ (%#)', (rule, name, accepted) => {
    expect(rule.accepts(name)).toBe(accepted);
  });
});
