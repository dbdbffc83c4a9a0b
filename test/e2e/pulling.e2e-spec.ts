import {
  FilterSyntaxError,
  InvalidOptionError,
  MessageIllegalError,
  PayloadUnreadableError,
  PullConsumerClosedError,
  PullGroupMissingError,
  PullPollPendingError,
  PullSelectorRefusedError,
  RocketMessage,
  UnknownOptionError,
  type PulledMessage,
  type RocketModuleOptions,
  type RocketPullConsumer,
} from '../../lib/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { expectNothingWritten } from './nothing-written.js';
import { compileApp, ManualWorld, type RocketApp } from './rocket-app.js';

class LogLine {
  text!: string;

  get words(): number {
    return this.text.split(' ').length;
  }
}

const AT_ONCE = { timeoutMs: 0, maxCount: 100 };
const textsOf = (polled: readonly PulledMessage<LogLine>[]): string[] => polled.map(({ payload }) => payload.text);

describe.each(['memory', 'a directory'])('S6: pulling, on a disk in %s,', (disk) => {
  let directory: TemporaryDirectory | undefined;
  let world: ManualWorld;
  let app: RocketApp;

  const start = async (options: RocketModuleOptions = {}): Promise<void> => {
    app = await world.start({ options });
  };
  const log = async (...texts: readonly string[]): Promise<void> => {
    await app.template.syncSendOrderly(
      'logs',
      texts.map((text) => new RocketMessage({ text })),
      'one queue',
    );
  };

  beforeEach(async () => {
    directory = disk === 'memory' ? undefined : await temporaryDirectory();
    world = new ManualWorld(directory);
  });

  afterEach(async () => {
    await app.close();
    await directory?.remove();
  });

  describe('a pull consumer', () => {
    let consumer: RocketPullConsumer<LogLine>;

    const open = async (): Promise<void> => {
      consumer = await app.template.createPullConsumer({ group: 'audit', payloadType: LogLine, autoCommit: false });
    };

    beforeEach(async () => {
      await start();
      await open();
    });

    it('polls payloads with their messages from the topics it subscribes to', async () => {
      await consumer.subscribe('logs', 'kept');
      await app.template.syncSend('logs:kept', { text: 'two words' });
      await app.template.syncSend('logs:passed over', { text: 'x' });
      const [first, ...others] = await consumer.poll(AT_ONCE);
      expect(first?.payload).toBeInstanceOf(LogLine);
      expect(first?.payload.words).toBe(2);
      expect(first?.message).toMatchObject({ topic: 'logs', tags: 'kept' });
      expect(others).toEqual([]);
    });

    it('lists queues, takes one, and goes to an offset, to begin and end, and to a time', async () => {
      await log('a', 'b');
      await world.pass(app, 60_000);
      const noon = world.clock.now();
      await log('c', 'd');
      const queues = await consumer.queues('logs');
      expect(queues.map(({ queueId }) => queueId)).toEqual([0, 1, 2, 3]);
      await consumer.assign(queues);
      expect(consumer.assignment()).toHaveLength(4);
      expect(textsOf(await consumer.poll(AT_ONCE))).toEqual(['a', 'b', 'c', 'd']);
      const queue = queues.find((each) => consumer.position(each) === 4)!;
      await consumer.assign([queue]);
      await consumer.seek(queue, 1);
      expect(textsOf(await consumer.poll(AT_ONCE))).toEqual(['b', 'c', 'd']);
      await consumer.seekToBegin(queue);
      expect(textsOf(await consumer.poll({ timeoutMs: 0, maxCount: 1 }))).toEqual(['a']);
      await consumer.seekToTimestamp(queue, noon);
      expect(textsOf(await consumer.poll(AT_ONCE))).toEqual(['c', 'd']);
      await consumer.seekToBegin(queue);
      await consumer.seekToEnd(queue);
      expect(await consumer.poll(AT_ONCE)).toEqual([]);
      consumer.pause([queue]);
      await log('e');
      expect(await consumer.poll(AT_ONCE)).toEqual([]);
      consumer.resume([queue]);
      expect(textsOf(await consumer.poll(AT_ONCE))).toEqual(['e']);
    });

    it('goes on after a restart where it committed', async () => {
      await consumer.subscribe('logs');
      await log('a', 'b', 'c');
      await consumer.poll({ timeoutMs: 0, maxCount: 1 });
      await consumer.commit();
      await consumer.poll({ timeoutMs: 0, maxCount: 1 });
      const queue = consumer.assignment().find((each) => consumer.position(each) === 2)!;
      expect(await consumer.committed(queue)).toBe(1);
      await app.close();
      await start();
      await open();
      await consumer.subscribe('logs');
      expect(textsOf(await consumer.poll(AT_ONCE))).toEqual(['b', 'c']);
    });

    it('can be iterated; the message that the loop was left at comes again unless it is committed', async () => {
      await consumer.subscribe('logs');
      await log('a', 'b', 'stop', 'd');
      const seen: string[] = [];
      for await (const { payload } of consumer) {
        seen.push(payload.text);
        if (payload.text === 'b') await consumer.commit();
        if (payload.text === 'stop') break;
      }
      expect(seen).toEqual(['a', 'b', 'stop']);
      await consumer.close();
      await open();
      await consumer.subscribe('logs');
      expect(textsOf(await consumer.poll(AT_ONCE))).toEqual(['stop', 'd']);
    });

    it('ends with the app: a loop that waits ends, too', async () => {
      await consumer.subscribe('logs');
      const looping = (async (): Promise<string> => {
        for await (const { payload } of consumer) return payload.text;
        return 'ended';
      })();
      await app.broker.whenIdle();
      await app.close();
      expect(await looping).toBe('ended');
      await expect(consumer.poll(AT_ONCE)).rejects.toThrow(PullConsumerClosedError);
    });

    it('shares queues with the others of its group', async () => {
      await consumer.subscribe('logs');
      const second = await app.template.createPullConsumer({ group: 'audit' });
      await second.subscribe('logs');
      await log('a');
      const both = [...(await consumer.poll(AT_ONCE)), ...(await second.poll(AT_ONCE))];
      expect(both).toHaveLength(1);
      expect(consumer.assignment().length + second.assignment().length).toBe(4);
      await second.close();
      expect(consumer.assignment()).toHaveLength(4);
    });

    it('gives the messages around one that can not be read', async () => {
      await consumer.subscribe('logs');
      await log('a');
      await app.template.syncSendOrderly('logs', 'no JSON', 'one queue');
      await log('c');
      const [a, bad, c] = await consumer.poll(AT_ONCE);
      expect([a?.payload.text, c?.payload.text]).toEqual(['a', 'c']);
      expect(() => bad?.payload).toThrow(PayloadUnreadableError);
      expect(bad?.message.body.toString()).toBe('no JSON');
    });
  });

  describe('template.receive', () => {
    const pullConsumer = { group: 'reader', topic: 'logs' };

    it('gives typed payloads, at most as many as are wanted', async () => {
      await start({ pullConsumer });
      await log('a', 'b', 'c');
      const [first, ...others] = await app.template.receive({ payloadType: LogLine, maxCount: 2 });
      expect(first).toBeInstanceOf(LogLine);
      expect([first?.text, others.map(({ text }) => text)]).toEqual(['a', ['b']]);
      expect(await app.template.receive()).toEqual([{ text: 'c' }]);
      expect(await app.template.receive(LogLine, 0)).toEqual([]);
    });

    it('gives nothing when nothing arrives in time, and what arrives meanwhile', async () => {
      await start({ pullConsumer });
      const nothing = app.template.receive(LogLine, 300);
      await world.pass(app, 300);
      expect(await nothing).toEqual([]);
      const something = app.template.receive(LogLine);
      await expect(app.template.receive(LogLine)).rejects.toThrow(PullPollPendingError);
      await log('a');
      expect(await something).toMatchObject([{ text: 'a' }]);
    });

    it('gives again what may not have been worked off: what the last call gave before a restart', async () => {
      await start({ pullConsumer });
      await log('a', 'b', 'c');
      await app.template.receive({ maxCount: 1 });
      await app.template.receive({ maxCount: 1 });
      await app.close();
      await start({ pullConsumer });
      expect(await app.template.receive({ ...AT_ONCE, payloadType: LogLine })).toMatchObject([
        { text: 'b' },
        { text: 'c' },
      ]);
    });

    it('begins with the start of the app, also in a new group that is to get only what is new', async () => {
      await start({ pullConsumer: { ...pullConsumer, consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' } });
      await log('sent before the first call');
      expect(await app.template.receive(LogLine, 0)).toHaveLength(1);
    });

    it('selects by tag or SQL', async () => {
      await start({ pullConsumer: { ...pullConsumer, selectorType: 'SQL92', selectorExpression: 'level > 3' } });
      for (const level of [1, 5]) await app.template.convertAndSend('logs', `level ${level}`, { level });
      expect(await app.template.receive(String, 0)).toEqual(['level 5']);
    });

    it('fails once for a message that can not be read, and loses none around it', async () => {
      await start({ pullConsumer });
      await log('a', 'b');
      await app.template.syncSendOrderly('logs', 'no JSON', 'one queue');
      await log('d');
      const receive = (): Promise<LogLine[]> => app.template.receive({ ...AT_ONCE, payloadType: LogLine });
      expect(await receive()).toMatchObject([{ text: 'a' }, { text: 'b' }]);
      await expect(receive()).rejects.toThrow(PayloadUnreadableError);
      expect(await receive()).toMatchObject([{ text: 'd' }]);
      expect(await receive()).toEqual([]);
    });
  });
});

describe('pulling is refused with a named error, and nothing is written:', () => {
  let app: RocketApp;

  beforeAll(async () => {
    app = await new ManualWorld().start({ options: { pullConsumer: { group: 'reader', topic: 'probe' } } });
  });

  afterAll(() => app.close());

  const refused = async (work: () => Promise<unknown>, type: new (...args: never[]) => Error): Promise<void> => {
    await expectNothingWritten(app, () => expect(work()).rejects.toThrow(type));
  };

  it('receive without a group', async () => {
    const without = await new ManualWorld().start({});
    await expectNothingWritten(without, () =>
      expect(without.template.receive()).rejects.toThrow(/option pullConsumer/),
    );
    await without.close();
  });

  it.each([undefined, '', null])('a pull consumer whose group is %p', async (group) => {
    await refused(() => app.template.createPullConsumer({ group: group as string }), PullGroupMissingError);
  });

  it.each<[string, object]>([
    ['an illegal group', { group: 'a b' }],
    ['a batch of 0', { group: 'g', pullBatchSize: 0 }],
    ['a payload type that is none', { group: 'g', payloadType: 'LogLine' }],
    ['a model that does not exist', { group: 'g', messageModel: 'ALL' }],
  ])('a pull consumer with %s', async (_what, options) => {
    await refused(() => app.template.createPullConsumer(options as never), InvalidOptionError);
  });

  it('a pull consumer with a mistyped option', async () => {
    await refused(() => app.template.createPullConsumer({ group: 'g', batchSize: 3 } as never), UnknownOptionError);
  });

  it('a selector for a broadcasting pull consumer', async () => {
    const consumer = await app.template.createPullConsumer({ group: 'g', messageModel: 'BROADCASTING' });
    await refused(() => consumer.subscribe('probe', 'tag'), PullSelectorRefusedError);
  });

  it('an SQL selector with a mistake, which the error points at', async () => {
    const consumer = await app.template.createPullConsumer({ group: 'g2' });
    const expression = 'level > AND';
    const refusal = consumer.subscribe('probe', { type: 'SQL92', expression }).catch((error: unknown) => error);
    expect(await refusal).toBeInstanceOf(FilterSyntaxError);
    expect((await refusal) as FilterSyntaxError).toHaveProperty('fields.position', expression.indexOf('AND'));
  });

  it.each<[string, unknown, unknown]>([
    ['a negative timeout', String, -1],
    ['a timeout of NaN', String, Number.NaN],
    ['no message', { maxCount: 0 }, undefined],
    ['a type that is none', 'LogLine', undefined],
  ])('receive with %s', async (_what, first, second) => {
    await refused(() => app.template.receive(first as never, second as never), MessageIllegalError);
  });

  it.each<[string, object]>([
    ['without a topic', { group: 'g' }],
    ['without a group', { topic: 't' }],
    ['with an illegal topic', { group: 'g', topic: 'a b' }],
  ])('an app %s in its pullConsumer options', async (_what, pullConsumer) => {
    const options = { store: { type: 'memory' }, pullConsumer } as RocketModuleOptions;
    await expect(compileApp({ options })).rejects.toThrow(InvalidOptionError);
  });
});
