import fc from 'fast-check';
import { DefaultMessageConverter, RocketHeaders, RocketMessage } from '../../lib/converter/index.js';
import type { Message } from '../../lib/engine/index.js';
import { MessageIllegalError } from '../../lib/errors/index.js';
import { parseDestination } from '../../lib/template/destination.js';
import { MessageBuilder } from '../../lib/template/message-builder.js';
import { composeMessage } from '../../lib/template/outgoing-message.js';
import type { MessageOptions } from '../../lib/template/send-options.js';

const converter = new DefaultMessageConverter();

function compose(destination: string, payload: unknown, options: MessageOptions = {}): Message {
  return composeMessage(destination, payload, options, converter);
}

const withHeaders = (headers: Record<string, unknown>): Message => compose('t', new RocketMessage('x', headers));

describe('a destination', () => {
  it('is a topic, or a topic and a tag after the first colon', () => {
    expect(parseDestination('orders')).toEqual({ topic: 'orders', tags: undefined });
    expect(parseDestination('orders:paid')).toEqual({ topic: 'orders', tags: 'paid' });
    expect(parseDestination('orders:a:b')).toEqual({ topic: 'orders', tags: 'a:b' });
    const text = fc.string({ minLength: 1 }).filter((value) => value.trim() !== '' && !value.includes(':'));
    fc.assert(
      fc.property(text, text, (topic, tag) => {
        expect(parseDestination(`${topic}:${tag}`)).toEqual({ topic, tags: tag });
      }),
    );
  });

  it.each<[string, unknown]>([
    ['is empty', ''],
    ['has no topic', ':paid'],
    ['has a colon without a tag', 'orders:'],
    ['has a blank tag', 'orders: '],
    ['is undefined', undefined],
    ['is an object', { topic: 'orders' }],
  ])('is refused when it %s', (_how, destination) => {
    expect(() => parseDestination(destination as string)).toThrow(MessageIllegalError);
  });
});

describe('headers of a message that is sent', () => {
  it('have the effect that RocketMQ gives them', () => {
    const message = withHeaders({
      KEYS: ['A1', 'A2'],
      TAGS: 'paid',
      FLAG: '7',
      DELAY: 3,
      WAIT_STORE_MSG_OK: 'false',
    });
    expect(message).toMatchObject({ keys: 'A1 A2', tags: 'paid', flag: 7, delayLevel: 3, waitStoreMsgOK: false });
    expect(message.properties).toEqual({ contentType: 'text/plain;charset=UTF-8' });
  });

  it('name keys by KEYS, or else by rocketmq_KEYS', () => {
    expect(withHeaders({ rocketmq_KEYS: 'B' }).keys).toBe('B');
    expect(withHeaders({ KEYS: 'A', rocketmq_KEYS: 'B' }).keys).toBe('A');
    expect(withHeaders({ KEYS: 4711 }).keys).toBe('4711');
    expect(withHeaders({ KEYS: [] }).keys).toBeUndefined();
  });

  it('take WAIT_STORE_MSG_OK as a boolean, too', () => {
    expect(withHeaders({ WAIT_STORE_MSG_OK: false }).waitStoreMsgOK).toBe(false);
    expect(withHeaders({ WAIT: true }).waitStoreMsgOK).toBe(true);
  });

  it('become user properties when they are the application’s own', () => {
    const date = new Date(0);
    const url = new URL('https://example.org/');
    expect(withHeaders({ tenant: 'a', attempt: 2, test: true, big: 9n, date, url }).properties).toEqual({
      contentType: 'text/plain;charset=UTF-8',
      tenant: 'a',
      attempt: '2',
      test: 'true',
      big: '9',
      date: '1970-01-01T00:00:00.000Z',
      url: 'https://example.org/',
    });
  });

  it('may be called `__proto__`', () => {
    const { properties } = withHeaders(JSON.parse('{"__proto__":"a"}') as Record<string, unknown>);
    expect(Object.entries(properties ?? {})).toContainEqual(['__proto__', 'a']);
  });

  it('are left out when they are undefined or null, or tell of the message they were read from', () => {
    const message = withHeaders({ a: undefined, b: null, rocketmq_TOPIC: 'old', rocketmq_TAGS: 'old' });
    expect(message.properties).toEqual({ contentType: 'text/plain;charset=UTF-8' });
    expect(message.tags).toBeUndefined();
  });

  it.each<[string, Record<string, unknown>]>([
    ['a key with a space in a list', { KEYS: ['a b'] }],
    ['an empty key in a list', { KEYS: [''] }],
    ['keys that are an object', { KEYS: { a: 1 } }],
    ['a tag that is a number', { TAGS: 7 }],
    ['a flag that is no whole number', { FLAG: 'x' }],
    ['a delay that is no whole number', { DELAY: 1.5 }],
    ['a wait that is neither true nor false', { WAIT_STORE_MSG_OK: 'no' }],
    ['an object without a text', { user: { id: 1 } }],
    ['a symbol', { user: Symbol('x') }],
    ['a function', { user: (): void => undefined }],
    ['an invalid date', { at: new Date(Number.NaN) }],
    ['an object that has no toString', { user: Object.create(null) }],
  ])('are refused for %s', (_what, headers) => {
    expect(() => withHeaders(headers)).toThrow(MessageIllegalError);
  });
});

describe('a message', () => {
  it('takes tag, keys and the rest from the options as well', () => {
    const options = { tags: 'paid', keys: ['A'], flag: 1, delayLevel: 2, waitStoreMsgOK: false, headers: { x: 1 } };
    expect(compose('orders', 'x', options)).toMatchObject({
      topic: 'orders',
      tags: 'paid',
      keys: 'A',
      flag: 1,
      delayLevel: 2,
      waitStoreMsgOK: false,
      properties: { x: '1' },
    });
  });

  it('may say a thing twice when it says the same', () => {
    const message = new RocketMessage('x', { TAGS: 'paid', KEYS: 'A' });
    expect(compose('orders:paid', message, { tags: 'paid', keys: 'A' })).toMatchObject({ tags: 'paid', keys: 'A' });
  });

  it.each<[string, string, MessageOptions, Record<string, unknown>]>([
    ['destination and header', 'orders:paid', {}, { TAGS: 'open' }],
    ['destination and option', 'orders:paid', { tags: 'open' }, {}],
    ['option and header', 'orders', { keys: 'A' }, { KEYS: 'B' }],
    ['no delay and a delay', 'orders', { delayLevel: 0 }, { DELAY: 3 }],
  ])('is refused when it says a thing in two ways: %s', (_which, destination, options, headers) => {
    expect(() => compose(destination, new RocketMessage('x', headers), options)).toThrow(MessageIllegalError);
  });

  it('prefers the headers of the options to its own', () => {
    const message = new RocketMessage('x', { tenant: 'a', other: 'b' });
    expect(compose('t', message, { headers: { tenant: 'c' } }).properties).toMatchObject({ tenant: 'c', other: 'b' });
  });

  it('is recognised by its class: an object that merely has a payload is a payload', () => {
    const lookalike = { payload: 'x', headers: { KEYS: 'A' } };
    const sent = compose('t', lookalike);
    expect(Buffer.from(sent.body).toString()).toBe(JSON.stringify(lookalike));
    expect(sent.keys).toBeUndefined();
  });

  it('is built step by step', () => {
    const first = MessageBuilder.withPayload({ a: 1 })
      .setHeader(RocketHeaders.KEYS, 'A')
      .setHeader('gone', 1)
      .removeHeader('gone')
      .setHeader('away', 1)
      .setHeader('away', null)
      .setHeaderIfAbsent('tenant', 'a')
      .setHeaderIfAbsent('tenant', 'b')
      .build();
    expect(first.payload).toEqual({ a: 1 });
    expect(first.headers).toEqual({ KEYS: 'A', tenant: 'a' });
    const second = MessageBuilder.fromMessage(first).copyHeaders({ tenant: 'c' }).build();
    expect(second.headers).toEqual({ KEYS: 'A', tenant: 'c' });
    expect(first.headers).toEqual({ KEYS: 'A', tenant: 'a' });
  });
});
