import { join } from 'node:path';

import {
  EmbeddedBroker,
  ManualClock,
  MemoryFileSystem,
  NodeFileSystem,
  SeededRandom,
  SilentLogger,
  type FileSystem,
} from '../../../lib/engine/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../support/temporary-directory.js';

const ROUNDS = 12;
const MAX_QUEUE_NUMS = 9;
/** Bounds the time that the test takes. */
const MAX_SENT = 800;

describe.each(['memory', 'a directory'])(
  'C17: queues that come and go, in the documented order, on a disk in %s',
  (disk) => {
    let directory: TemporaryDirectory | undefined;
    let fileSystem: FileSystem;
    let path: string;
    let clock: ManualClock;
    let broker: EmbeddedBroker;
    let random: SeededRandom;
    let sent: string[];
    /** What each group has got. */
    let received: { readonly listeners: string[]; readonly slow: string[]; readonly puller: string[] };

    const start = async (): Promise<void> => {
      const environment = { fileSystem, clock, random, logger: new SilentLogger() };
      broker = new EmbeddedBroker({ store: { path, maxHashSlotNum: 1000, maxIndexNum: 5000 } }, environment);
      await broker.start();
    };

    const send = async (): Promise<void> => {
      const body = `m${sent.length}`;
      sent.push(body);
      const shardingKey = random.nextInt(2) === 0 ? `key ${random.nextInt(20)}` : undefined;
      await broker.send({ topic: 'orders', body: Buffer.from(body), shardingKey });
    };

    /** Sends and pulls, side by side, for as long as `work` takes. */
    const whileBusy = async (work: () => Promise<void>): Promise<void> => {
      const busy = { now: true };
      const sending = (async () => {
        while (busy.now && sent.length < MAX_SENT) await Promise.all(Array.from({ length: 5 }, send));
      })();
      await work();
      busy.now = false;
      await sending;
    };

    const listen = async (): Promise<void> => {
      const member = (group: 'listeners' | 'slow', clientId: string) =>
        broker.subscribe({
          group,
          clientId,
          consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
          subscriptions: [
            {
              topic: 'orders',
              concurrency: group === 'slow' ? 1 : 20,
              consumeMode: group === 'slow' ? 'ORDERLY' : 'CONCURRENTLY',
              handler: async ({ body }) => {
                if (group === 'slow') await new Promise<void>((resolve) => clock.defer(resolve));
                received[group].push(body.toString());
              },
            },
          ],
        });
      await member('listeners', 'a');
      await member('listeners', 'b');
      await member('slow', 'c');
    };

    const pull = async (): Promise<() => Promise<void>> => {
      const consumer = await broker.createPullConsumer({
        group: 'puller',
        consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
        autoCommit: false,
      });
      await consumer.subscribe('orders');
      return async () => {
        for (;;) {
          const messages = await consumer.poll({ timeoutMs: 0, maxCount: 100 });
          if (messages.length === 0) return;
          received.puller.push(...messages.map(({ body }) => body.toString()));
          await consumer.commit();
        }
      };
    };

    beforeEach(async () => {
      directory = disk === 'memory' ? undefined : await temporaryDirectory();
      path = directory === undefined ? '/store' : join(directory.path, 'store');
      fileSystem = directory === undefined ? new MemoryFileSystem() : new NodeFileSystem();
      clock = new ManualClock();
      random = new SeededRandom(17);
      sent = [];
      received = { listeners: [], slow: [], puller: [] };
      await start();
      await broker.admin.topics.create('orders', { queueNums: 4 });
    });

    afterEach(async () => {
      await broker.close();
      await directory?.remove();
    });

    it('lose no message, while messages are sent, listened for and pulled, and through restarts', async () => {
      let refusals = 0;
      await listen();
      let drain = await pull();
      for (let round = 0; round < ROUNDS; round++) {
        const { topics } = broker.admin;
        const { writeQueueNums } = topics.get('orders');
        const wanted = 1 + random.nextInt(MAX_QUEUE_NUMS);
        await whileBusy(async () => {
          if (wanted >= writeQueueNums) {
            await topics.update('orders', { readQueueNums: wanted });
            await Promise.all(Array.from({ length: 20 }, send));
            await topics.update('orders', { writeQueueNums: wanted });
            return;
          }
          await topics.update('orders', { writeQueueNums: wanted });
          await Promise.all(Array.from({ length: 20 }, send));
          for (;;) {
            try {
              await topics.update('orders', { readQueueNums: wanted });
              return;
            } catch (error) {
              expect(error).toMatchObject({ code: 'QUEUES_NOT_DRAINED' });
              refusals++;
              await drain();
              await new Promise<void>((resolve) => setImmediate(resolve));
            }
          }
        });
        expect(topics.get('orders')).toMatchObject({ readQueueNums: wanted, writeQueueNums: wanted });
        if (round % 4 === 3) {
          await broker.whenIdle();
          await broker.close();
          await start();
          await listen();
          drain = await pull();
        }
      }
      await broker.whenIdle();
      await drain();
      expect(refusals).toBeGreaterThan(0);
      expect(sent.length).toBeGreaterThan(100);
      for (const group of ['listeners', 'slow', 'puller'] as const) {
        expect(received[group].toSorted()).toEqual(sent.toSorted());
        expect((await broker.admin.groups.lag(group)).totalLag).toBe(0);
      }
    });
  },
);
