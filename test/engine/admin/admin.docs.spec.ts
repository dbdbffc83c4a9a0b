import { readFileSync } from 'node:fs';
import { NonRetryableError } from '../../../lib/errors/index.js';
import { AdminHarness } from './admin-harness.js';

const page = readFileSync(new URL('../../../docs/admin.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1]!);

type Example = (parts: object) => Promise<unknown>;
const AsyncFunction = Object.getPrototypeOf(async () => undefined).constructor as new (
  parameters: string,
  body: string,
) => Example;

describe('docs/admin.md', () => {
  it('shows every operation of the admin API', async () => {
    const harness = await AdminHarness.open();
    const operations = Object.entries(harness.admin).flatMap(([room, part]) =>
      Object.getOwnPropertyNames(Object.getPrototypeOf(part))
        .filter((name) => name !== 'constructor')
        .map((name) => `admin.${room}.${name}(`),
    );
    await harness.close();
    expect(operations.length).toBeGreaterThan(25);
    expect(operations.filter((operation) => !examples.some((code) => code.includes(operation)))).toEqual([]);
  });

  it.each(examples.map((code) => [code.split('\n')[0]!, code]))('has an example that runs: %s', async (_, code) => {
    const harness = await AdminHarness.open();
    await harness.listen('billing', 'orders', ({ reconsumeTimes, body }) => {
      if (reconsumeTimes === 0 && body.toString() === 'bad') throw new NonRetryableError('never');
    });
    const sent = await harness.send('orders', 'x', { keys: 'O-1001' });
    await harness.sendAll('orders', ['bad', 'bad'], { keys: 'O-1001' });
    await harness.broker.sendHalf({ topic: 'orders', body: Buffer.from('half') }, 'producers');
    await harness.send('orders', 'x', { delayLevel: 3 });
    await harness.send('orders', 'x', { delayMs: 60_000 });
    const before = harness.admin.topics.get('orders');
    await expect(
      new AsyncFunction('{ admin, sent, Date }', code)({ admin: harness.admin, sent, Date }),
    ).resolves.toBeUndefined();
    expect(harness.admin.topics.get('orders')).toEqual(before);
    await harness.close();
  });
});
