import { EmbeddedBroker, ManualClock, SilentLogger, type BrokerOptions } from '../../../lib/engine/index.js';
import { Gate } from '../../support/gate.js';
import { HookedFileSystem } from '../../support/hooked-file-system.js';

const TURNS = 100;

describe('a broker that is closed while something is under way', () => {
  let clock: ManualClock;
  let files: HookedFileSystem;
  let broker: EmbeddedBroker;

  const start = async (store: BrokerOptions['store'] = {}): Promise<void> => {
    broker = new EmbeddedBroker(
      { store: { path: '/store', ...store } },
      { fileSystem: files, clock, logger: new SilentLogger() },
    );
    await broker.start();
  };
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const listen = async (topic: string): Promise<readonly string[]> => {
    const received: string[] = [];
    await broker.subscribe({
      group: 'g',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: [{ topic, handler: ({ body }) => void received.push(body.toString()) }],
    });
    await broker.whenIdle();
    return received;
  };

  beforeEach(() => {
    clock = new ManualClock();
    files = new HookedFileSystem(clock);
  });

  it('answers a recall, and keeps to the answer', async () => {
    await start();
    const { recallHandle, msgId } = await broker.send({ topic: 't', body: Buffer.from('x'), delayMs: 60_000 });
    await broker.whenIdle();
    const recalled = broker.recall('t', recallHandle!);
    await broker.close();
    expect(await recalled).toBe(msgId);
    await start();
    const received = await listen('t');
    await clock.advance(120_000, () => broker.whenIdle());
    expect(received).toEqual([]);
    await broker.close();
  });

  it('writes nothing to the log when the store has been given free', async () => {
    await start({ flushDiskType: 'ASYNC_FLUSH' });
    await broker.send({ topic: 'a', body: Buffer.from('first') });
    const topicMade = new Gate();
    const syncing = new Gate();
    const synced = new Gate();
    let isClosed = false;
    const late: string[] = [];
    files.hook = async (operation, path) => {
      if (isClosed) late.push(`${operation} ${path}`);
      if (operation === 'write' && path.includes('topics.json')) await topicMade.opened;
      if (operation === 'datasync' && path.includes('commitlog')) {
        syncing.open();
        await synced.opened;
      }
    };
    const sent = broker.send({ topic: 'b', body: Buffer.from('second') });
    const closing = broker.close().then(() => (isClosed = true));
    await syncing.opened;
    // In the midst of the last sync the send finds its topic, and puts its message into the log.
    topicMade.open();
    for (let i = 0; i < 5 * TURNS; i++) await Promise.resolve();
    synced.open();
    await closing;
    await turns();
    expect(late).toEqual([]);
    files.hook = () => undefined;
    await sent;
    await start();
    expect(await listen('b')).toEqual(['second']);
    await broker.close();
  });

  it('writes no settings when the close has failed', async () => {
    await start();
    await broker.send({ topic: 't', body: Buffer.from('x') });
    await listen('t');
    const held = new Gate();
    let isClosed = false;
    const late: string[] = [];
    files.hook = async (operation, path) => {
      if (isClosed) late.push(`${operation} ${path}`);
      if (operation === 'write' && path.includes('topics.json')) await held.opened;
    };
    files.failNext({ operation: 'write', pathPart: 'consumerOffset', code: 'EIO', times: 100 });
    const made = broker.admin.topics.create('new').catch(() => undefined);
    const closing = broker
      .close()
      .catch((error: { code: string }) => error.code)
      .finally(() => (isClosed = true));
    await turns();
    held.open();
    expect(await closing).toBe('STORE_CLOSE_FAILED');
    await made;
    await turns();
    expect(late).toEqual([]);
  });
});
