import { randomBytes } from 'node:crypto';
import {
  MessageListener,
  RocketMessage,
  SendTimeoutError,
  type MessageExt,
  type RocketListener,
} from '../../lib/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { Deliveries, ManualWorld, type RocketApp } from './rocket-app.js';
import { SlowDisk } from './slow-disk.js';

/** Bit of `sysFlag`: the stored body is compressed. */
const COMPRESSED = 1;

describe.each(['memory', 'a directory'])('on a disk in %s,', (kind) => {
  @MessageListener({ topic: 'logs', consumerGroup: 'archive' })
  class Archive implements RocketListener {
    readonly deliveries = new Deliveries();

    onMessage(payload: unknown, message: MessageExt): void {
      this.deliveries.add(payload, message);
    }
  }

  let directory: TemporaryDirectory | undefined;
  let world: ManualWorld;
  let disk: SlowDisk;
  let app: RocketApp;
  let deliveries: Deliveries;

  beforeEach(async () => {
    directory = kind === 'memory' ? undefined : await temporaryDirectory();
    world = new ManualWorld(directory);
    disk = new SlowDisk(world.fileSystem);
    app = await world.start({ providers: [Archive] });
    ({ deliveries } = app.module.get(Archive));
    // The topic is there, so that no send has to wait for its creation.
    await app.template.convertAndSend('logs', 'first');
    await app.broker.whenIdle();
  });

  afterEach(async () => {
    disk.letGo();
    await app.close();
    await directory?.remove();
  });

  const payloads = (): unknown[] => deliveries.payloads.slice(1);

  it('a send resolves only when its message is on disk', async () => {
    disk.hold();
    let isDone = false;
    const sending = app.template.syncSend('logs', 'x').then(() => (isDone = true));
    await world.clock.advance(2999);
    expect([isDone, payloads()]).toEqual([false, []]);
    disk.letGo();
    await sending;
    await app.broker.whenIdle();
    expect(payloads()).toEqual(['x']);
  });

  it('C20: one-way sends return at once, without a result, and arrive', async () => {
    disk.hold();
    await expect(app.template.sendOneWay('logs', 'a')).resolves.toBeUndefined();
    await expect(app.template.sendOneWayOrderly('logs', 'b', 'key')).resolves.toBeUndefined();
    await expect(app.template.sendOneWay('logs', [new RocketMessage('c')])).resolves.toBeUndefined();
    expect(payloads()).toEqual([]);
    disk.letGo();
    await app.broker.whenIdle();
    expect(new Set(payloads())).toEqual(new Set(['a', 'b', 'c']));
  });

  it('C20: a one-way send that fails when nobody waits any more is logged', async () => {
    disk.hold();
    await app.template.sendOneWay('logs', 'a');
    await world.clock.advance(3000);
    expect(app.log.matching(/^error: A one-way send to "logs" failed/)).toHaveLength(1);
  });

  it('C20: bytes that are sent one-way are those of the call, whatever becomes of the buffer', async () => {
    // Of a size that is compressed by another thread, while the sender goes on.
    const bytes = Buffer.alloc(200_000, 'a');
    await app.template.sendOneWay('logs', bytes);
    await app.template.sendOneWay('logs', new RocketMessage(bytes));
    await app.template.sendOneWay('logs', [new RocketMessage(bytes)]);
    bytes.fill('b');
    await deliveries.reached(4);
    expect(payloads().map((payload) => Buffer.from(payload as Uint8Array).toString('latin1', 0, 3))).toEqual([
      'aaa',
      'aaa',
      'aaa',
    ]);
  });

  it('C21: a send with waitStoreMsgOK false returns before the flush', async () => {
    disk.hold();
    const result = await app.template.syncSend('logs', 'option', { waitStoreMsgOK: false });
    expect(result).toMatchObject({ sendStatus: 'SEND_OK', messageQueue: { topic: 'logs' } });
    await app.template.convertAndSend('logs', 'header', { WAIT_STORE_MSG_OK: 'false' });
    await app.template.syncSend('logs', [new RocketMessage('batch')], { waitStoreMsgOK: false });
    expect(payloads()).toEqual([]);
    disk.letGo();
    await app.broker.whenIdle();
    expect(new Set(payloads())).toEqual(new Set(['batch', 'header', 'option']));
  });

  it('a timeout bounds the whole call, whatever the way', async () => {
    disk.hold();
    const { template } = app;
    const outcomes = Promise.allSettled([
      template.syncSend('logs', 'x', 200),
      template.syncSend('logs', [new RocketMessage('x')], 200),
      template.syncSendOrderly('logs', 'x', 'key', { timeoutMs: 200, selectQueue: ([queue]) => queue! }),
      template.syncSendDelayTimeSeconds('logs', 'x', 60, { timeoutMs: 200 }),
      // Its topic has to be made first.
      template.syncSend('new', 'x', 200),
    ]);
    await world.clock.advance(200);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(SendTimeoutError) });
    }
  });

  it.each<[string, string, number]>([
    ['compressed at once', 'the same words again and again '.repeat(300), COMPRESSED],
    ['compressed by another thread', 'the same words again and again '.repeat(30_000), COMPRESSED],
    ['as it is, being small', 'x'.repeat(4095), 0],
  ])('a body is stored %s, and the handler gets it as it was sent', async (_how, text, flag) => {
    await app.template.convertAndSend('logs', text);
    await app.broker.whenIdle();
    const [, delivery] = deliveries.all;
    expect(delivery?.payload).toBe(text);
    expect(delivery?.message.body).toHaveLength(text.length);
    expect((delivery?.message.sysFlag ?? 0) & COMPRESSED).toBe(flag);
    if (flag === COMPRESSED) expect(delivery?.message.storeSize).toBeLessThan(text.length);
  });

  it('bytes that do not become smaller are stored as they are', async () => {
    const bytes = randomBytes(100_000);
    await app.template.convertAndSend('logs', bytes);
    await app.broker.whenIdle();
    const [, delivery] = deliveries.all;
    expect(bytes.equals(delivery?.payload as Buffer)).toBe(true);
    expect((delivery?.message.sysFlag ?? 0) & COMPRESSED).toBe(0);
  });
});
