import {
  EmbeddedBroker,
  ManualClock,
  MemoryFileSystem,
  NodeFileSystem,
  SilentLogger,
  type BrokerOptions,
  type FileSystem,
  type Message,
  type SendResult,
} from '../../../lib/engine/index.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const DAY_MS = 86_400_000;

/** A broker on a clock of the test, with one consumer that writes down what came when. */
class TimedBroker {
  readonly clock = new ManualClock();
  readonly received: { body: string; atMs: number }[] = [];
  broker!: EmbeddedBroker;
  readonly #fileSystem: FileSystem;
  readonly #options: BrokerOptions;

  constructor(fileSystem: FileSystem, path: string, options: BrokerOptions) {
    this.#fileSystem = fileSystem;
    // Small files: a restart need not make large ones.
    this.#options = { ...options, store: { path, maxHashSlotNum: 1024, maxIndexNum: 4096, ...options.store } };
  }

  async open(): Promise<void> {
    this.broker = new EmbeddedBroker(this.#options, {
      fileSystem: this.#fileSystem,
      clock: this.clock,
      logger: new SilentLogger(),
    });
    await this.broker.start();
    await this.broker.subscribe({
      group: 'g',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: [
        {
          topic: 'orders',
          handler: ({ body }) => void this.received.push({ body: body.toString(), atMs: this.clock.now() }),
        },
      ],
    });
    await this.settle();
  }

  async restart(downMs = 0): Promise<void> {
    await this.broker.close();
    await this.clock.advance(downMs);
    await this.open();
  }

  settle(): Promise<void> {
    return this.broker.whenIdle();
  }

  advance(durationMs: number): Promise<void> {
    return this.clock.advance(durationMs, () => this.settle());
  }

  send(body: string, delay: Partial<Message>): Promise<SendResult> {
    return this.broker.send({ topic: 'orders', body: Buffer.from(body), ...delay });
  }

  recall(sent: SendResult): Promise<string> {
    return this.broker.recall('orders', sent.recallHandle!);
  }
}

describe.each(['memory', 'file'] as const)('On a store of type %s, a message with a time of its own', (type) => {
  let timed: TimedBroker;
  let startMs: number;
  let removeFiles: () => Promise<void> = async () => undefined;

  const open = async (options: BrokerOptions = {}): Promise<void> => {
    if (type === 'memory') {
      timed = new TimedBroker(new MemoryFileSystem(), '/store', options);
    } else {
      const directory = await temporaryDirectory();
      removeFiles = () => directory.remove();
      timed = new TimedBroker(new NodeFileSystem(), `${directory.path}/store`, options);
    }
    startMs = timed.clock.now();
    await timed.open();
  };

  afterEach(async () => {
    await timed.broker.close();
    await removeFiles();
  });

  it('arrives at its millisecond, in the order of the times, whatever the order of the sends', async () => {
    await open();
    const delays = [2500, 1, 1000, 999, 1001, 60_000, 2500];
    for (const delayMs of delays) await timed.send(String(delayMs), { delayMs });
    await timed.send('at', { deliverAtMs: startMs + 1234 });
    await timed.advance(0);
    expect(timed.received).toEqual([]);
    await timed.advance(60_000);
    const expected = delays.map((delayMs) => ({ body: String(delayMs), atMs: startMs + delayMs }));
    expected.push({ body: 'at', atMs: startMs + 1234 });
    expect(timed.received).toEqual(expected.toSorted((a, b) => a.atMs - b.atMs));
  });

  it('arrives at once when its time has passed or its delay is 0, and then has no handle', async () => {
    await open();
    const sent = [
      await timed.send('past', { deliverAtMs: startMs - DAY_MS }),
      await timed.send('1970', { deliverAtMs: 0 }),
      await timed.send('now', { deliverAtMs: startMs }),
      await timed.send('zero', { delayMs: 0 }),
    ];
    await timed.settle();
    expect(timed.received.map(({ body }) => body).toSorted()).toEqual(['1970', 'now', 'past', 'zero']);
    for (const result of sent) expect(result).not.toHaveProperty('recallHandle');
  });

  it('arrives in time after a restart, and at once when its time passed meanwhile', async () => {
    await open();
    await timed.send('meanwhile', { delayMs: 5000 });
    await timed.send('later', { delayMs: 20_001 });
    await timed.restart(10_000);
    expect(timed.received).toEqual([{ body: 'meanwhile', atMs: startMs + 10_000 }]);
    await timed.advance(10_000);
    expect(timed.received).toHaveLength(1);
    await timed.advance(1);
    expect(timed.received[1]).toEqual({ body: 'later', atMs: startMs + 20_001 });
    await timed.restart();
    expect(timed.received).toHaveLength(2);
  });

  it('keeps what it was: properties as its sender set them, keys, tags, msgId', async () => {
    await open();
    const { msgId } = await timed.send('x', {
      delayMs: 10,
      tags: 't',
      keys: 'k',
      properties: { own: 'p' },
      queueId: 2,
    });
    await timed.send('y', { deliverAtMs: startMs + 10, queueId: 2 });
    await timed.advance(10);
    const [x] = await timed.broker.admin.messages.byKey('orders', 'k');
    expect(x).toMatchObject({ msgId, tags: 't', keys: 'k', queueId: 2 });
    expect(x?.properties).toMatchObject({
      own: 'p',
      TIMER_DELAY_MS: '10',
      TIMER_DELIVER_MS: String(startMs + 10),
      REAL_TOPIC: 'orders',
    });
  });

  it('may be far ahead only as far as timerMaxDelayMs says, of which nothing is stored otherwise', async () => {
    await open();
    const tooLate = { code: 'TIMER_DELAY_TOO_LONG', fields: { maxDelayMs: 3 * DAY_MS } };
    await expect(timed.send('x', { delayMs: 3 * DAY_MS + 1 })).rejects.toMatchObject(tooLate);
    await expect(timed.send('x', { deliverAtMs: startMs + 3 * DAY_MS + 1 })).rejects.toMatchObject(tooLate);
    await timed.send('x', { delayMs: 3 * DAY_MS });
  });

  it('is never delivered when it was recalled, also after a restart', async () => {
    await open();
    const first = await timed.send('first', { delayMs: 5000 });
    const second = await timed.send('second', { delayMs: 5000 });
    await timed.send('third', { delayMs: 5000 });
    expect(await timed.recall(first)).toBe(first.msgId);
    await timed.restart(2000);
    expect(await timed.recall(second)).toBe(second.msgId);
    await expect(timed.recall(first)).rejects.toMatchObject({ code: 'ALREADY_RECALLED' });
    await timed.advance(10_000);
    expect(timed.received).toEqual([{ body: 'third', atMs: startMs + 5000 }]);
  });

  it('can not be recalled at its time and after it, by another topic, or by a handle that is none', async () => {
    await open();
    const sent = await timed.send('x', { delayMs: 5000 });
    const handle = sent.recallHandle!;
    expect(Buffer.from(handle, 'base64url').toString()).toBe(`v1 orders broker-a ${startMs + 5000} ${sent.msgId}`);
    for (const call of [timed.broker.recall('other', handle), timed.broker.recall('orders', 'none')]) {
      await expect(call).rejects.toMatchObject({ code: 'RECALL_HANDLE_ILLEGAL' });
    }
    await timed.advance(5000);
    await expect(timed.recall(sent)).rejects.toMatchObject({ code: 'RECALL_TOO_LATE' });
    await timed.restart(DAY_MS);
    await expect(timed.recall(sent)).rejects.toMatchObject({ code: 'RECALL_TOO_LATE' });
    expect(timed.received).toEqual([{ body: 'x', atMs: startMs + 5000 }]);
  });

  it('may be 40 days ahead where the option says so, through restarts', async () => {
    await open({ timerMaxDelayMs: 40 * DAY_MS });
    await timed.send('late', { delayMs: 40 * DAY_MS });
    const recalled = await timed.send('recalled', { delayMs: 40 * DAY_MS });
    for (let day = 0; day < 39; day += 13) await timed.restart(13 * DAY_MS);
    await timed.recall(recalled);
    await timed.restart(DAY_MS - 10);
    await timed.advance(9);
    expect(timed.received).toEqual([]);
    await timed.advance(1);
    expect(timed.received).toEqual([{ body: 'late', atMs: startMs + 40 * DAY_MS }]);
  });
});

describe('The options of timers', () => {
  const build = (options: BrokerOptions): EmbeddedBroker =>
    new EmbeddedBroker({ store: { type: 'memory' }, ...options });

  it.each([
    ['timerMaxDelayMs', { timerMaxDelayMs: 40 * DAY_MS + 1 }],
    ['timerMaxDelayMs', { timerMaxDelayMs: 0 }],
    ['timerMaxDelayMs', { timerMaxDelayMs: '5' as unknown as number }],
    ['timerRollWindowMs', { timerRollWindowMs: 1999 }],
    ['timerFlushIntervalMs', { timerFlushIntervalMs: 0.5 }],
    ['store.mappedFileSizeTimerLogBytes', { store: { mappedFileSizeTimerLogBytes: 100 } }],
  ])('refuse a wrong %s by its name', (option, options) => {
    expect(() => build(options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', fields: expect.objectContaining({ option }) }),
    );
  });

  it('have the defaults of RocketMQ', () => {
    expect(build({}).options.timers).toMatchObject({
      timerMaxDelayMs: 3 * DAY_MS,
      timerRollWindowMs: 2 * DAY_MS,
      timerFlushIntervalMs: 1000,
      mappedFileSizeTimerLogBytes: 100 * 1024 * 1024,
    });
  });
});
