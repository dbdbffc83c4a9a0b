// oxlint-disable-next-line import/no-unassigned-import -- decorators of class-transformer need it, and no Nest is loaded here
import 'reflect-metadata';
import { Exclude, Expose, Transform, Type } from 'class-transformer';
import fc from 'fast-check';
import {
  DefaultMessageConverter,
  type EncodedMessage,
  type MessageHeaders,
  type PayloadType,
} from '../../lib/converter/index.js';
import { PayloadError } from '../../lib/errors/index.js';

const converter = new DefaultMessageConverter();

class Item {
  @Expose({ name: 'unit_price' })
  unitPrice!: number;
}

class Order {
  orderNo!: string;
  amount!: number;
  @Type(() => Date)
  createdAt?: Date;
  @Type(() => Item)
  items?: Item[];

  get isLarge(): boolean {
    return this.amount > 100;
  }
}

class Account {
  name!: string;
  @Exclude()
  password?: string;
  @Transform(({ value }: { value: unknown }) => String(value), { toPlainOnly: true })
  balance?: bigint;
}

/** Stands for decimals, ORM documents and the like. */
class Decimal {
  readonly digits = [1, 2, 5];

  toJSON(): string {
    return '1.25';
  }
}

function make<T extends object>(type: new () => T, values: Partial<T>): T {
  return Object.assign(new type(), values);
}

function encode(payload: unknown, headers: MessageHeaders = {}): EncodedMessage {
  const { body, contentType } = converter.toBody(payload, headers);
  const properties: Record<string, string> = contentType === undefined ? {} : { contentType };
  return { topic: 'orders', tags: undefined, body: Buffer.from(body), properties };
}

function received(body: string | Buffer, contentType?: string): EncodedMessage {
  const properties: Record<string, string> = contentType === undefined ? {} : { contentType };
  return { topic: 'orders', tags: undefined, body: Buffer.from(body as string), properties };
}

const roundTrip = (payload: unknown, payloadType?: PayloadType): unknown =>
  converter.fromBody(encode(payload), payloadType);

const textOf = (payload: unknown): string => encode(payload).body.toString('utf8');

describe('a payload that is sent', () => {
  it.each([
    ['text', 'text/plain;charset=UTF-8', 'love'],
    ['bytes', 'application/octet-stream', Buffer.from([1, 2, 3])],
    ['an object', 'application/json', { a: 1 }],
    ['a number', 'application/json', 7],
    ['a list', 'application/json', [1, 2]],
  ])('as %s gets the content type that rocketmq-spring gives it', (_kind, contentType, payload) => {
    expect(encode(payload).properties).toEqual({ contentType });
  });

  it('keeps the content type that its sender sets', () => {
    expect(encode('{"a":1}', { contentType: 'application/json' }).body.toString()).toBe('{"a":1}');
    expect(encode({ a: 1 }, { contentType: 'application/problem+json' }).properties).toEqual({
      contentType: 'application/problem+json',
    });
  });

  it('honours toJSON, at any depth', () => {
    expect(textOf(new Decimal())).toBe('"1.25"');
    expect(textOf({ price: new Decimal() })).toBe('{"price":"1.25"}');
    expect(textOf(make(Order, { orderNo: 'A', amount: new Decimal() as unknown as number }))).toBe(
      '{"orderNo":"A","amount":"1.25"}',
    );
  });

  it("honours class-transformer's decorators, at any depth, so that what is hidden is not stored", () => {
    const account = make(Account, { name: 'ann', password: 'secret', balance: 12n });
    expect(textOf(account)).toBe('{"name":"ann","balance":"12"}');
    expect(textOf([{ owner: account }])).toBe('[{"owner":{"name":"ann","balance":"12"}}]');
    expect(textOf(make(Item, { unitPrice: 3 }))).toBe('{"unit_price":3}');
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a function', (): void => undefined],
    ['a symbol', Symbol('x')],
    ['a BigInt', 1n],
    ['NaN', Number.NaN],
    ['an infinite number', Number.POSITIVE_INFINITY],
    ['a BigInt inside', { a: [1n] }],
    ['a Map', new Map([['a', 1]])],
    ['a Set inside', { tags: new Set(['a']) }],
    ['a Promise that nobody awaited', Promise.resolve({ a: 1 })],
    ['a Promise inside', { price: Promise.resolve(7) }],
    ['a view that is not bytes', new Float64Array(2)],
    ['an ArrayBuffer', new ArrayBuffer(2)],
    ['a toJSON without a result', { toJSON: (): undefined => undefined }],
    ['a toJSON that gives null', { toJSON: (): null => null }],
    ['an invalid Date', new Date(Number.NaN)],
  ])('is refused when it is %s', (_kind, payload) => {
    expect(() => encode(payload)).toThrow(PayloadError);
  });

  it('is refused when it contains itself, with a text of one line', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(() => encode(circle)).toThrow(/^.*circular.*$/);
  });

  it('is refused when it contradicts its content type', () => {
    expect(() => encode({ a: 1 }, { contentType: 'text/plain' })).toThrow(/only a string or bytes/);
    expect(() => encode('ü', { contentType: 'text/plain;charset=ISO-8859-1' })).toThrow(/UTF-8/);
  });
});

describe('a payload that is received', () => {
  it('is what was sent when the listener names no type', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ minLength: 1 }),
          fc.jsonValue().filter((v) => v !== null),
        ),
        (payload) => {
          // JSON has no negative zero.
          expect(roundTrip(payload)).toEqual(JSON.parse(JSON.stringify(payload)));
        },
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        expect(roundTrip(bytes)).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('is an instance of the class that the listener names', () => {
    const createdAt = new Date('2024-05-06T07:08:09.000Z');
    const order = make(Order, { orderNo: 'A1', amount: 250, createdAt, items: [make(Item, { unitPrice: 3 })] });
    const back = roundTrip(order, Order) as Order;
    expect(back).toBeInstanceOf(Order);
    expect(back).toEqual(order);
    expect(back.isLarge).toBe(true);
    expect(back.createdAt).toEqual(createdAt);
    expect(back.items?.[0]).toBeInstanceOf(Item);
  });

  it('is a list of instances when the listener names [Class]', () => {
    const back = roundTrip([{ orderNo: 'A' }, { orderNo: 'B' }], [Order]) as Order[];
    expect(back.map((order) => order.orderNo)).toEqual(['A', 'B']);
    expect(back.every((order) => order instanceof Order)).toBe(true);
  });

  it('is text, bytes or a primitive when the listener names String, Buffer, Uint8Array, Number or Boolean', () => {
    expect(converter.fromBody(received('{"a":1}', 'application/json'), String)).toBe('{"a":1}');
    expect(converter.fromBody(received('abc', 'text/plain'), Buffer)).toEqual(Buffer.from('abc'));
    expect(converter.fromBody(received('abc', 'text/plain'), Uint8Array)).toBeInstanceOf(Uint8Array);
    expect(roundTrip(7, Number)).toBe(7);
    expect(roundTrip(false, Boolean)).toBe(false);
    expect(roundTrip([1, 2], [Number])).toEqual([1, 2]);
    expect(roundTrip(['a', { b: 1 }], [Object])).toEqual(['a', { b: 1 }]);
    expect(roundTrip('2024-05-06T00:00:00.000Z', String)).toBe('2024-05-06T00:00:00.000Z');
    expect(converter.fromBody(received('"2024-05-06T00:00:00.000Z"'), Date)).toEqual(new Date('2024-05-06'));
  });

  it('is a string when another sender gave no content type, and bytes when the type is unknown', () => {
    expect(converter.fromBody(received('{"a":1}'), undefined)).toBe('{"a":1}');
    expect(converter.fromBody(received('x', 'application/x-protobuf'), undefined)).toEqual(Buffer.from('x'));
    expect(converter.fromBody(received('x', 'text/html'), Object)).toBe('x');
  });

  it('is read in the charset that its sender names', () => {
    const latin1 = Buffer.from([0xfc]);
    expect(converter.fromBody(received(latin1, 'text/plain; charset="ISO-8859-1"'), String)).toBe('ü');
    expect(() => converter.fromBody(received(latin1, 'text/plain;charset=no-such'), String)).toThrow(PayloadError);
  });

  it.each<[string, EncodedMessage, PayloadType]>([
    ['text that is not JSON, for a class', received('nonsense'), Order],
    ['a list, for a class', received('[{}]'), Order],
    ['an object, for a list', received('{}'), [Order]],
    ['a number in a list of a class', received('[1]'), [Order]],
    ['null, for a class', received('null'), Order],
    ['text, for a number', received('"7"'), Number],
    ['bytes that are not UTF-8, for text', received(Buffer.from([0xff])), String],
  ])('fails for %s', (_kind, message, payloadType) => {
    expect(() => converter.fromBody(message, payloadType)).toThrow(PayloadError);
  });

  it('names the list type to who forgot it', () => {
    expect(() => converter.fromBody(received('[{}]'), Order)).toThrow(/payloadType: \[Order\]/);
  });
});
