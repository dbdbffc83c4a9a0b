import {
  EmbeddedBroker,
  ManualClock,
  MemoryFileSystem,
  SilentLogger,
  type FileHandle,
  type FileSystem,
  type MessageExt,
} from '../../../lib/engine/index.js';

/** Refuses to touch files whose path holds a text. */
class FailingFileSystem extends MemoryFileSystem {
  failing: string | undefined;

  override async open(path: string, mode: Parameters<FileSystem['open']>[1]): Promise<FileHandle> {
    this.#check(path);
    return super.open(path, mode);
  }

  override async readFile(path: string): Promise<Buffer | undefined> {
    this.#check(path);
    return super.readFile(path);
  }

  #check(path: string): void {
    if (this.failing === undefined || !path.includes(this.failing)) return;
    throw Object.assign(new Error('input/output error'), { code: 'EIO' });
  }
}

describe('the embedded broker', () => {
  let files: FailingFileSystem;
  let clock: ManualClock;
  let broker: EmbeddedBroker;

  const open = async (): Promise<EmbeddedBroker> => {
    broker = new EmbeddedBroker(
      { store: { path: '/store' } },
      { fileSystem: files, clock, logger: new SilentLogger() },
    );
    await broker.start();
    return broker;
  };
  const text = (message: { body: Uint8Array }): string => Buffer.from(message.body).toString();

  beforeEach(async () => {
    clock = new ManualClock();
    files = new FailingFileSystem({ clock });
    await open();
  });

  afterEach(() => broker.close());

  it('carries a message from send to handler with defaults for everything else', async () => {
    const received: string[] = [];
    await broker.subscribe({
      group: 'g',
      subscriptions: [{ topic: 't', handler: (m) => void received.push(text(m)) }],
    });
    await broker.send({ topic: 't', body: Buffer.from('hello') });
    await broker.whenIdle();
    expect(received).toEqual(['hello']);
  });

  it('leaves turns of the event loop to consumers and the app, however many sends follow each other', async () => {
    const memory = new EmbeddedBroker({ store: { type: 'memory' } }, { logger: new SilentLogger() });
    await memory.start();
    let handled = 0;
    await memory.subscribe({ group: 'g', subscriptions: [{ topic: 't', handler: () => handled++ }] });
    const burst = (): Promise<unknown> =>
      Promise.all(Array.from({ length: 200 }, () => memory.send({ topic: 't', body: Buffer.from('x') })));
    for (let bursts = 0; bursts < 50; bursts++) await burst();
    expect(handled).toBeGreaterThan(0);
    await memory.close();
  });

  it('is not idle while a large body is compressed', async () => {
    const seen: number[] = [];
    const handler = ({ body }: MessageExt): unknown => seen.push(body.length);
    await broker.subscribe({ group: 'shop', subscriptions: [{ topic: 'orders', handler }] });
    const sending = broker.send({ topic: 'orders', body: Buffer.alloc(300_000, 'a') });
    await broker.whenIdle();
    expect(seen).toEqual([300_000]);
    await sending;
  });

  it('hands messages to a pull consumer, which goes on after a restart where it was', async () => {
    const poll = async (): Promise<string[]> => {
      const consumer = await broker.createPullConsumer({ group: 'puller' });
      await consumer.subscribe('t');
      const messages = await consumer.poll({ maxCount: 10, timeoutMs: 1 });
      await consumer.commit();
      await consumer.close();
      return messages.map(text).toSorted();
    };
    for (const body of ['a', 'b']) await broker.send({ topic: 't', body: Buffer.from(body) });
    expect(await poll()).toEqual(['a', 'b']);
    await broker.close();
    await open();
    await broker.send({ topic: 't', body: Buffer.from('c') });
    expect(await poll()).toEqual(['c']);
  });

  it.each([undefined, null, {}, { subscriptions: [null] }])('refuses to subscribe with %p', async (options) => {
    const refused = broker.subscribe(options as never);
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('answers a request by its listener', async () => {
    await broker.subscribe({
      group: 'answerer',
      subscriptions: [
        {
          topic: 'question',
          handler: (message: MessageExt) =>
            broker.reply(message, { body: Buffer.from(`${text(message)}!`), properties: {} }),
        },
      ],
    });
    const answers = await Promise.all(
      ['a', 'b'].map((body) => broker.request({ topic: 'question', body: Buffer.from(body) })),
    );
    expect(answers.map(text)).toEqual(['a!', 'b!']);
  });

  it('hands a batch to its consumers one by one, in order', async () => {
    const received: string[] = [];
    await broker.subscribe({
      group: 'g',
      subscriptions: [{ topic: 't', consumeMode: 'ORDERLY', handler: (m) => void received.push(text(m)) }],
    });
    await broker.sendBatch(['1', '2', '3'].map((body) => ({ topic: 't', body: Buffer.from(body) })));
    await broker.whenIdle();
    expect(received).toEqual(['1', '2', '3']);
  });

  it('leaves nothing behind when it can not start, or could not write its last notes', async () => {
    await broker.send({ topic: 't', body: Buffer.from('x'), delayMs: 60_000 });
    await broker.whenIdle();
    files.failing = 'timercheck';
    await broker.close();
    await expect(open()).rejects.toMatchObject({ code: 'STORE_UNUSABLE', cause: { code: 'EIO' } });
    const sending = broker.send({ topic: 'T', body: Buffer.from('x') });
    await expect(sending).rejects.toMatchObject({ code: 'STORE_CLOSED', fields: { state: 'closed' } });
    expect(clock.pendingTimers).toBe(0);
    files.failing = undefined;
    await open();
    await broker.whenIdle();
    expect(broker.admin.delays.timers().total).toBe(1);
  });

  it('refuses to work before it is started and after it is closed, by a named error', async () => {
    const other = new EmbeddedBroker({ store: { type: 'memory' } }, { logger: new SilentLogger() });
    const send = (): Promise<unknown> => other.send({ topic: 't', body: Buffer.from('x') });
    await expect(send()).rejects.toMatchObject({ code: 'STORE_CLOSED', fields: { state: 'not started' } });
    await other.start();
    await Promise.all([other.close(), other.close()]);
    await expect(send()).rejects.toMatchObject({ code: 'STORE_CLOSED', fields: { state: 'closed' } });
    await expect(other.subscribe({ group: 'g', subscriptions: [] })).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });
});
