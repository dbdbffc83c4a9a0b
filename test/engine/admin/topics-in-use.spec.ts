import { EmbeddedBroker, ManualClock, SilentLogger, type Consumer } from '../../../lib/engine/index.js';
import type { FileHandle } from '../../../lib/engine/types/index.js';
import { NonRetryableError } from '../../../lib/errors/index.js';
import { Gate } from '../../support/gate.js';
import { numbered } from '../../support/numbered.js';
import { diskError, HookedFileSystem } from '../../support/hooked-file-system.js';

/** Reads of the log wait at the gate. */
class GatedReads extends HookedFileSystem {
  gate: Gate | undefined;
  readonly reading = new Gate();

  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    const file = await super.open(path, mode);
    return {
      ...file,
      read: async (target, position) => {
        if (this.gate !== undefined && path.includes('commitlog')) {
          this.reading.open();
          await this.gate.opened;
        }
        return file.read(target, position);
      },
    };
  }
}

describe('a topic that is made, changed or deleted while others use it', () => {
  let clock: ManualClock;
  let files: GatedReads;
  let broker: EmbeddedBroker;

  const start = async (): Promise<void> => {
    broker = new EmbeddedBroker(
      { store: { path: '/store', maxHashSlotNum: 1000, maxIndexNum: 5000 } },
      { fileSystem: files, clock, logger: new SilentLogger() },
    );
    await broker.start();
  };
  const settle = (): Promise<void> => broker.whenIdle();
  const advance = (durationMs: number): Promise<void> => clock.advance(durationMs, settle);
  const send = (topic: string, body: string, more: object = {}) =>
    broker.send({ topic, body: Buffer.from(body), ...more });
  const sendAll = (topic: string, bodies: readonly string[], more: object = {}) =>
    Promise.all(bodies.map((body) => send(topic, body, more)));
  const listen = async (topic: string, received: string[], handle?: () => void): Promise<Consumer> => {
    const consumer = await broker.subscribe({
      group: 'g',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: [
        {
          topic,
          handler: ({ body }) => {
            handle?.();
            received.push(body.toString());
          },
        },
      ],
    });
    await settle();
    return consumer;
  };
  /** All that a group gets that begins at the first message. */
  const consumed = async (topic: string): Promise<string[]> => {
    const received: string[] = [];
    await listen(topic, received);
    await advance(60_000);
    return received.toSorted();
  };
  const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'done',
      (error: { code: string }) => error.code,
    );

  beforeEach(async () => {
    clock = new ManualClock();
    files = new GatedReads(clock);
    await start();
  });

  afterEach(() => broker.close());

  it.each(['a delay level', 'a timer', 'a transaction'] as const)(
    'is made anew for all that has waited for it and comes in one burst, from %s',
    async (kind) => {
      await broker.admin.topics.create('t', { queueNums: 4 });
      const halves: string[] = [];
      for (let queueId = 0; queueId < 4; queueId++) {
        const message = { topic: 't', body: Buffer.from(`m${queueId}`), queueId };
        if (kind === 'a transaction') halves.push((await broker.sendHalf(message, 'producers')).transactionId);
        else await broker.send({ ...message, ...(kind === 'a timer' ? { delayMs: 1000 } : { delayLevel: 1 }) });
      }
      await broker.admin.topics.delete('t');
      await Promise.all(halves.map((id) => broker.endTransaction(id, 'COMMIT')));
      await advance(2000);
      expect(await consumed('t')).toEqual(numbered('m', 4));
    },
  );

  it('is not created a second time, with other queues, while a send makes it', async () => {
    const sent = sendAll('t', numbered('m', 4));
    expect(await codeOf(broker.admin.topics.create('t', { queueNums: 1 }))).toBe('TOPIC_EXISTS');
    await sent;
    expect(await consumed('t')).toEqual(numbered('m', 4));
  });

  it.each(['update', 'create'] as const)(
    'leaves no acknowledged message in a queue that nobody reads when its %s can not be written',
    async (how) => {
      if (how === 'update') await broker.admin.topics.create('t', { queueNums: 2 });
      const held = new Gate();
      files.hook = async (operation, path) => {
        if (operation !== 'write' || !path.includes('topics.json')) return;
        await held.opened;
        throw diskError('ENOSPC');
      };
      const changed = codeOf(broker.admin.topics[how]('t', { queueNums: 8 }));
      const sends = numbered('m', 8).map((body) =>
        send('t', body).then(
          () => body,
          () => undefined,
        ),
      );
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      held.open();
      expect(await changed).toBe('DISK_FULL');
      const acknowledged = (await Promise.all(sends)).filter((body) => body !== undefined);
      expect(acknowledged).toHaveLength(how === 'update' ? 8 : 0);
      files.hook = () => undefined;
      await send('t', 'next');
      expect(await consumed('t')).toEqual([...acknowledged, 'next']);
    },
  );

  it('loses nothing that is sent while both of its numbers of queues are lowered', async () => {
    await broker.admin.topics.create('t', { queueNums: 4 });
    const received: string[] = [];
    await listen('t', received);
    const updated = codeOf(broker.admin.topics.update('t', { queueNums: 2 }));
    await sendAll('t', numbered('m', 4));
    expect(await updated).toBe('done');
    expect(broker.admin.topics.get('t')).toMatchObject({ readQueueNums: 2, writeQueueNums: 2 });
    await advance(60_000);
    expect(received.toSorted()).toEqual(numbered('m', 4));
  });

  it('keeps both numbers of queues when they can not be lowered', async () => {
    await broker.admin.topics.create('t', { queueNums: 4 });
    const received: string[] = [];
    await (await listen('t', received)).close({ timeoutMs: 0 });
    await send('t', 'm', { queueId: 3 });
    const { topics } = broker.admin;
    expect(await codeOf(topics.update('t', { queueNums: 2 }))).toBe('QUEUES_NOT_DRAINED');
    expect(await codeOf(topics.update('t', { readQueueNums: 2, writeQueueNums: 3 }))).toBe('INVALID_OPTION');
    expect(topics.get('t')).toMatchObject({ readQueueNums: 4, writeQueueNums: 4 });
    expect(await consumed('t')).toEqual(['m']);
    expect(await topics.update('t', { queueNums: 2 })).toMatchObject({ readQueueNums: 2, writeQueueNums: 2 });
  });

  it('takes its offsets with it, also those that are being moved', async () => {
    const queueNums = 64;
    await broker.admin.topics.create('t', { queueNums });
    const fill = async (prefix: string): Promise<void> => {
      for (let queueId = 0; queueId < queueNums; queueId++) await sendAll('t', numbered(prefix, 3), { queueId });
    };
    await fill('old');
    await (await listen('t', [])).close({ timeoutMs: 0 });
    await Promise.allSettled([
      broker.admin.groups.resetToTimestamp('g', clock.now() + 1, { topic: 't' }),
      broker.admin.topics.delete('t'),
    ]);
    await broker.admin.topics.create('t', { queueNums });
    await fill('new');
    expect(await consumed('t')).toHaveLength(queueNums * 3);
  });

  it.each(['listener', 'pull consumer'] as const)(
    'takes its offsets with it, also those at which a %s is about to begin',
    async (kind) => {
      await broker.admin.topics.create('t', { queueNums: 1 });
      await sendAll('t', numbered('old', 10));
      await broker.close();
      await start();
      files.gate = new Gate();
      const received: string[] = [];
      const rule = {
        group: 'g',
        consumeFromWhere: 'CONSUME_FROM_TIMESTAMP',
        consumeTimestampMs: clock.now() + 1,
      } as const;
      const subscriptions = [
        { topic: 't', handler: ({ body }: { body: Buffer }) => void received.push(body.toString()) },
      ];
      const puller = kind === 'pull consumer' ? await broker.createPullConsumer(rule) : undefined;
      const joined = codeOf(
        puller === undefined ? broker.subscribe({ ...rule, subscriptions }) : puller.subscribe('t'),
      );
      await files.reading.opened;
      await broker.admin.topics.delete('t');
      files.gate.open();
      await joined;
      await sendAll('t', numbered('new', 5), { queueId: 0 });
      await settle();
      const polled = (await puller?.poll({ timeoutMs: 0 })) ?? [];
      received.push(...polled.map(({ body }) => body.toString()));
      expect(received).toEqual(numbered('new', 5));
    },
  );

  it('may be deleted while its dead letters are sent again: later ones are, too', async () => {
    let fails = true;
    const received: string[] = [];
    await listen('t', received, () => {
      if (fails) throw new NonRetryableError('no');
    });
    await sendAll('t', numbered('old', 20));
    await settle();
    fails = false;
    await Promise.allSettled([broker.admin.deadLetters.resendAll('g'), broker.admin.topics.delete('%DLQ%g')]);
    await settle();
    fails = true;
    await sendAll('t', numbered('new', 3));
    await settle();
    fails = false;
    received.length = 0;
    expect(await broker.admin.deadLetters.resendAll('g')).toMatchObject({ resent: 3 });
    await settle();
    expect(received.toSorted()).toEqual(numbered('new', 3));
  });

  it.each(['timers', 'delay levels'] as const)(
    'holds up no %s of other topics when the disk has refused its deletion half-way',
    async (kind) => {
      await broker.admin.topics.create('other');
      const received: string[] = [];
      const consumer = await listen('other', received);
      const delayed = (topic: string, body: string) =>
        send(topic, body, kind === 'timers' ? { delayMs: 5000 } : { delayLevel: 2 });
      await delayed('t', 'waits');
      files.failNext({ operation: 'write', pathPart: 'topics.json', code: 'EIO', times: 3 });
      expect(await codeOf(broker.admin.topics.delete('t'))).toBe('TOPIC_DELETION_FAILED');
      expect(await codeOf(send('t', 'x'))).toBe('TOPIC_BUSY');
      const others = numbered('m', 300);
      for (const body of others) await delayed('other', body);
      await advance(60_000);
      expect(received.toSorted()).toEqual(others.toSorted());
      await consumer.close({ timeoutMs: 0 });
      expect(await consumed('t')).toEqual(['waits']);
    },
  );
});
