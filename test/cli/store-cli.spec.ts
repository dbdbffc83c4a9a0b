import { createHash } from 'node:crypto';
import { cp, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { unpackGoldenStore, goldenExpectation, type GoldenVariant } from '../fixtures/golden-store.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { bodiesOf, crashImage, openTestStore, testDraft, type TestStore } from '../support/test-store.js';
import { Cli, type CliResult } from './run-cli.js';

describe('nestjs-rocket store', () => {
  let cli: Cli;
  let directory: TemporaryDirectory;
  let path: string;

  beforeAll(async () => {
    cli = await Cli.make();
  });

  afterAll(() => cli.remove());

  beforeEach(async () => {
    directory = await temporaryDirectory();
    path = join(directory.path, 'store');
  });

  afterEach(() => directory.remove());

  const draftOf = (i: number) =>
    testDraft(`body ${i}`.padEnd(500), {
      queueId: i % 2,
      tags: i % 3 === 0 ? 'third' : undefined,
      properties: `KEYS\u0001key${i} all\u0002UNIQ_KEY\u0001U${i}\u0002${i % 3 === 0 ? 'TAGS\u0001third\u0002' : ''}`,
      keys: `key${i} all`,
      uniqKey: `U${i}`,
    });
  const openHere = (): Promise<TestStore> => openTestStore({ path, messageIndexEnable: true });
  const fill = async (from: number, to: number): Promise<TestStore> => {
    const store = await openHere();
    for (let i = from; i < to; i++) {
      await store.messages.append(draftOf(i));
      if (i % 10 === 0) await store.clock.advance(1000, () => store.activity.whenIdle());
    }
    return store;
  };
  const filled = async (count = 120): Promise<void> => {
    const store = await fill(0, count);
    await store.topics.ensure('test-topic', 2);
    await store.close();
  };
  const parsed = ({ stdout }: CliResult): unknown => JSON.parse(stdout) as unknown;
  const records = ({ stdout }: CliResult): { body: string; [name: string]: unknown }[] =>
    stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { body: string });
  const numbersOf = (result: CliResult): number[] => records(result).map(({ body }) => Number(body.slice(5)));
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const change = async (file: string, offset: number, bytes: Uint8Array): Promise<void> => {
    const handle = await open(join(path, file), 'r+');
    await handle.write(bytes, 0, bytes.length, offset);
    await handle.close();
  };
  /** Everything in the directory: names and contents. */
  const fingerprint = async (): Promise<string[]> => {
    const names = (await readdir(path, { recursive: true })).toSorted();
    return Promise.all(
      names.map(async (name) => {
        const full = join(path, name);
        if (!(await stat(full)).isFile()) return name;
        return `${name} ${createHash('sha256')
          .update(await readFile(full))
          .digest('hex')}`;
      }),
    );
  };

  describe('inspect', () => {
    it('shows topics, queues, groups and files, as text and as JSON', async () => {
      await filled();
      const table = { 'test-topic@g': { 0: 10, 1: 60 } };
      await writeFile(join(path, 'config', 'consumerOffset.json'), JSON.stringify({ offsetTable: table }));
      const result = await cli.store('inspect', path, '--json');
      expect(result).toMatchObject({ code: 0, stderr: '' });
      expect(parsed(result)).toMatchObject({
        path,
        state: 'closed',
        log: { segmentBytes: 16_384, firstOffset: 0 },
        index: { maxHashSlotNum: 61, maxIndexNum: 100 },
        topics: [
          {
            topic: 'test-topic',
            messages: 120,
            queues: [
              { queueId: 0, minOffset: 0, maxOffset: 60 },
              { queueId: 1, minOffset: 0, maxOffset: 60 },
            ],
          },
        ],
        groups: [
          { group: 'g', topic: 'test-topic', queueId: 0, offset: 10, lag: 50 },
          { group: 'g', topic: 'test-topic', queueId: 1, offset: 60, lag: 0 },
        ],
      });
      const text = await cli.store('inspect', `${path}/`);
      expect(text.stdout).toMatch(/closed cleanly/);
      expect(text.stdout).toMatch(/test-topic +1 +0 +60 +60/);
      expect(text.stdout).toMatch(/g +test-topic +0 +10 +50/);
    });

    it('shows names that hold control characters without obeying them', async () => {
      await filled(10);
      const table = { 'a\u001b[2Jb@g\u009b': { 0: 1 } };
      await writeFile(join(path, 'config', 'consumerOffset.json'), JSON.stringify({ offsetTable: table }));
      const { stdout } = await cli.store('inspect', path);
      expect(stdout).toContain('a\\u001b[2Jb');
      expect(stdout).not.toMatch(/[^\P{Cc}\n]/u);
    });

    it('works beside an app that has the store open, and sees what is on the disk', async () => {
      const store = await fill(0, 50);
      const result = await cli.store('inspect', path, '--json');
      expect(parsed(result)).toMatchObject({ state: 'open', ownerPid: process.pid, topics: [{ messages: 50 }] });
      await store.messages.append(draftOf(50));
      expect(numbersOf(await cli.store('dump', path))).toEqual(upTo(51));
      await store.close();
    });

    it('says of a store that was left behind what the next opening would find', async () => {
      const store = await fill(0, 50);
      await crashImage(store, join(directory.path, 'crashed'));
      await store.close();
      path = join(directory.path, 'crashed');
      await writeFile(join(path, 'abort'), '999999999');
      expect(parsed(await cli.store('inspect', path, '--json'))).toMatchObject({
        state: 'crashed',
        topics: [{ messages: 50 }],
      });
    });

    it('ends where the last file does, also right behind the mark that the file is full', async () => {
      const image = join(directory.path, 'image');
      const store = await fill(0, 200);
      await crashImage(store, image);
      await store.close();
      await rm(join(image, 'checkpoint'));
      const [, second, ...others] = (await readdir(join(image, 'commitlog'))).toSorted();
      for (const name of others) await rm(join(image, 'commitlog', name));
      const bytes = await readFile(join(image, 'commitlog', second!));
      await truncate(join(image, 'commitlog', second!), bytes.lastIndexOf(Buffer.from('cbd43194', 'hex')) + 4);
      expect(await cli.store('inspect', image)).toMatchObject({ code: 0, stderr: '' });
    });
  });

  describe('dump', () => {
    it('writes each record as a line, in the order of the log, text as text and bytes as base64', async () => {
      await filled(30);
      const store = await openHere();
      await store.messages.append(testDraft(Buffer.from([0xff, 0xfe]), { queueId: 1 }));
      await store.close();
      const lines = records(await cli.store('dump', path));
      expect(lines).toHaveLength(31);
      expect(lines[3]).toMatchObject({
        topic: 'test-topic',
        queueId: 1,
        queueOffset: 1,
        msgId: 'U3',
        tags: 'third',
        keys: 'key3 all',
        body: 'body 3'.padEnd(500),
      });
      expect(lines[30]).toMatchObject({ bodyBase64: '//4=' });
    });

    it('filters by topic, queue, tag, key and time, and stops at a limit', async () => {
      await filled(40);
      const dump = async (...args: string[]): Promise<number[]> => numbersOf(await cli.store('dump', path, ...args));
      expect(await dump('--queue', '1', '--limit', '3')).toEqual([1, 3, 5]);
      expect(await dump('--tag', 'third', '--limit', '2')).toEqual([0, 3]);
      expect(await dump('--key', 'key17')).toEqual([17]);
      expect(await dump('--key', 'U18')).toEqual([18]);
      expect(await dump('--topic', 'other')).toEqual([]);
      const [first, ...rest] = records(await cli.store('dump', path));
      const startMs = Number(first!['storeTimestamp']);
      expect(rest.at(-1)!['storeTimestamp']).toBeGreaterThan(startMs);
      const from = new Date(startMs + 2000).toISOString();
      expect(await dump('--from', from, '--to', String(startMs + 2000))).toEqual([
        11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
      ]);
    });
  });

  describe('verify', () => {
    it('finds nothing wrong with a store that was closed, and changes nothing', async () => {
      await filled();
      const before = await fingerprint();
      const result = await cli.store('verify', path);
      expect(result.stdout).toMatch(/120 records, \d+ bytes of log .*: no fault/);
      expect(result.code).toBe(0);
      await cli.store('inspect', path);
      await cli.store('dump', path);
      expect(await fingerprint()).toEqual(before);
    });

    it('finds nothing wrong with a store after a crash, and says what the opening will do', async () => {
      const store = await fill(0, 60);
      await crashImage(store, join(directory.path, 'crashed'));
      await store.close();
      path = join(directory.path, 'crashed');
      const result = await cli.store('verify', path);
      expect(result.stdout).toContain('no fault');
      expect(result.stdout).toContain('next opening');
    });

    it('refuses a store that an app has open, by name', async () => {
      const store = await fill(0, 5);
      for (const command of ['verify', 'repair']) {
        const result = await cli.store(command, path);
        expect(result).toMatchObject({ code: 1, stdout: '' });
        expect(result.stderr).toContain(`STORE_LOCKED`);
        expect(result.stderr).toContain(`process ${process.pid}`);
      }
      await store.close();
    });

    it.each([
      ['a body', 'commitlog/00000000000000016384', 300, 'checksum'],
      ['a record head', 'commitlog/00000000000000000000', 4, 'magic'],
      ['a queue entry', 'consumequeue/test-topic/0/00000000000000000000', 103, 'its entry says'],
      ['the hash of a tag', 'consumequeue/test-topic/0/00000000000000000000', 19, "the tag's hash"],
      ['an index entry', 'INDEX', 40 + 61 * 4 + 20 * 5, 'hash of no key'],
    ])('finds a bit that was turned over in %s, and names file and byte', async (_what, file, offset, reason) => {
      await filled();
      const name = file === 'INDEX' ? `index/${(await readdir(join(path, 'index')))[0]}` : file;
      const content = await readFile(join(path, name));
      await change(name, offset, Uint8Array.from([content[offset]! ^ 1]));
      const result = await cli.store('verify', path, '--json');
      expect(result.code).toBe(1);
      const { faults, records: count } = parsed(result) as {
        faults: { file: string; offset: number; what: string }[];
        records: number;
      };
      const fault = faults.find(({ what }) => what.includes(reason));
      expect(fault?.file).toBe(join(path, name));
      expect(fault!.offset).toBeLessThanOrEqual(offset);
      expect(fault!.offset).toBeGreaterThan(offset - 700);
      // The rest of the log is looked at all the same.
      expect(count).toBeGreaterThanOrEqual(119);
    });

    it('finds missing files: of the log, of a queue, of the configuration', async () => {
      await filled(200);
      await rm(join(path, 'commitlog', '00000000000000032768'));
      await rm(join(path, 'consumequeue', 'test-topic', '0'), { recursive: true });
      await rm(join(path, 'consumequeue', 'test-topic', '1', '00000000000000000320'));
      await writeFile(join(path, 'config', 'subscriptionGroup.json'), '{');
      await writeFile(join(path, 'config', 'subscriptionGroup.json.bak'), '{');
      const { stdout, code } = await cli.store('verify', path);
      expect(code).toBe(1);
      expect(stdout).toContain('commitlog/00000000000000032768, byte 0: a file is missing: 16384 bytes');
      expect(stdout).toContain('subscriptionGroup.json, byte 0: neither it nor its .bak copy is JSON');
      expect(stdout).toContain('test-topic/0, byte 0: the queue is missing');
      expect(stdout).toContain('test-topic/1/00000000000000000320, byte 0: the file is missing');
    });

    it('counts all faults, and shows as many as it is asked for', async () => {
      await filled(100);
      await change('consumequeue/test-topic/0/00000000000000000000', 0, Buffer.alloc(320, 7));
      const { stdout } = await cli.store('verify', path, '--max-faults', '3');
      expect(stdout.match(/^FAULT/gm)).toHaveLength(3);
      expect(stdout).toMatch(/and 13 more/);
      expect(stdout).toMatch(/16 faults/);
    });

    it('is right about a store whose first files retention has removed', async () => {
      const store = await fill(0, 200);
      await store.clock.advance(100 * 3_600_000, () => store.activity.whenIdle());
      await store.retention.clean();
      expect(store.messages.queueRange('test-topic', 0).minOffset).toBeGreaterThan(0);
      await store.close();
      expect((await cli.store('verify', path)).stdout).toContain('no fault');
    });
  });

  describe('repair', () => {
    const damage = async (): Promise<void> => {
      await filled(200);
      await change('commitlog/00000000000000016384', 1000, Buffer.from('damage'));
    };

    it('says what it would do, and does nothing without --yes', async () => {
      await damage();
      const before = await fingerprint();
      const result = await cli.store('repair', path);
      expect(result.code).toBe(1);
      expect(result.stdout).toMatch(/would be done[^]*step over \d+ bytes[^]*needs --skip-corrupt/);
      expect(await fingerprint()).toEqual(before);
    });

    it('gives up nothing in the middle unless it is told to', async () => {
      await damage();
      const before = await fingerprint();
      const result = await cli.store('repair', path, '--yes');
      expect(result.code).toBe(1);
      expect(result.stderr).toContain('REPAIR_REFUSED');
      expect(await fingerprint()).toEqual(before);
    });

    it('steps over what is broken, loses that message alone, and keeps its bytes', async () => {
      await damage();
      expect(await cli.store('repair', path, '--yes', '--skip-corrupt')).toMatchObject({ code: 0, stderr: '' });
      expect((await cli.store('verify', path)).stdout).toContain('no fault');
      const left = numbersOf(await cli.store('dump', path));
      expect(left).toHaveLength(199);
      const lost = upTo(200).find((i) => !left.includes(i))!;

      const store = await openHere();
      const bodies = [...(await bodiesOf(store, 'test-topic', 0)), ...(await bodiesOf(store, 'test-topic', 1))];
      expect(bodies.map((body) => Number(body.slice(5))).toSorted((a, b) => a - b)).toEqual(left);
      for (const queueId of [0, 1]) {
        expect(store.messages.queueRange('test-topic', queueId)).toEqual({ minOffset: 0, maxOffset: 100 });
      }
      const find = (key: string) =>
        store.keyIndex!.query({ topic: 'test-topic', key, maxCount: 9, beginMs: 0, endMs: 1e15 });
      expect(await find(`key${lost}`)).toEqual([]);
      expect(await find(`key${lost + 1}`)).toHaveLength(1);
      // The numbers go on where they were.
      expect((await store.messages.append(draftOf(200))).queueOffset).toBe(100);
      await store.close();

      const kept = (await readdir(join(path, 'broken'))).filter((name) => name.endsWith('.broken'));
      expect(kept).toHaveLength(1);
      expect(await readFile(join(path, 'broken', kept[0]!), 'latin1')).toContain('damage');
    });

    it.each([
      ['an impossible queue', 12, [1, 0, 0, 0]],
      ['an impossible number', 20, [0, 1, 0, 0, 0, 0, 0, 0]],
      ['the number of a later message', 27, [40]],
      ['the number of an earlier message', 27, [3]],
    ])('steps over a record that has %s, loses that message alone, and keeps its bytes', async (_, at, bytes) => {
      await filled(120);
      const [{ commitLogOffset }] = records(await cli.store('dump', path, '--key', 'U70')) as unknown as [
        { commitLogOffset: number },
      ];
      const file = `commitlog/${String(commitLogOffset - (commitLogOffset % 16_384)).padStart(20, '0')}`;
      await change(file, (commitLogOffset % 16_384) + at, Buffer.from(bytes));
      const found = await cli.store('verify', path);
      expect(found.code).toBe(1);
      expect(found.stdout).toContain(`${file}, byte ${commitLogOffset % 16_384}: the record says that it is message`);
      expect((await cli.store('repair', path, '--yes')).stderr).toContain('REPAIR_REFUSED');

      expect(await cli.store('repair', path, '--yes', '--skip-corrupt')).toMatchObject({ code: 0, stderr: '' });
      expect((await cli.store('verify', path)).stdout).toContain('no fault');
      const kept = (await readdir(join(path, 'broken'))).find((name) => name.endsWith('.broken'));
      expect(await readFile(join(path, 'broken', kept!), 'latin1')).toContain('body 70');
      const store = await openHere();
      const bodies = [...(await bodiesOf(store, 'test-topic', 0)), ...(await bodiesOf(store, 'test-topic', 1))];
      expect(bodies.map((body) => Number(body.slice(5))).toSorted((a, b) => a - b)).toEqual(
        upTo(120).filter((i) => i !== 70),
      );
      await store.close();
    });

    it('cuts off an end that is broken, and keeps it', async () => {
      await filled(40);
      const before = numbersOf(await cli.store('dump', path));
      const lastRecord = records(await cli.store('dump', path)).at(-1)!;
      const place = Number(lastRecord['commitLogOffset']);
      const file = `commitlog/${String(place - (place % 16_384)).padStart(20, '0')}`;
      await change(file, (place % 16_384) + 200, Buffer.from('damage'));
      expect((await cli.store('verify', path)).code).toBe(1);
      expect((await cli.store('repair', path, '--yes')).code).toBe(0);
      expect((await cli.store('verify', path)).stdout).toContain('no fault');
      expect(numbersOf(await cli.store('dump', path))).toEqual(before.slice(0, -1));
      const store = await openHere();
      expect((await store.messages.append(draftOf(39))).queueOffset).toBe(19);
      await store.close();
    });

    it.each([
      ['the last of several files', 200],
      ['the only file', 20],
    ])('leaves a store whose log a crash has cut in %s one that can be opened', async (_, count) => {
      const store = await fill(0, count);
      const { physicalOffset } = await store.messages.append(draftOf(count));
      const sizeBytes = (physicalOffset % 16_384) + 50;
      const image = join(directory.path, 'image');
      await crashImage(store, image);
      await store.close();
      const last = (await readdir(join(image, 'commitlog'))).toSorted().at(-1)!;
      await truncate(join(image, 'commitlog', last), sizeBytes);
      for (const command of ['inspect', 'verify', 'dump'])
        expect(await cli.store(command, image)).toMatchObject({ code: 0, stderr: '' });
      const wouldDo = await cli.store('repair', image);
      expect(wouldDo.stdout).toContain('cut off the end of the log');
      expect((await stat(join(image, 'commitlog', last))).size).toBe(sizeBytes);
      expect(await cli.store('repair', image, '--yes')).toMatchObject({ code: 0, stderr: '' });
      const again = await openTestStore({ path: image, messageIndexEnable: true });
      const bodies = [...(await bodiesOf(again, 'test-topic', 0)), ...(await bodiesOf(again, 'test-topic', 1))];
      await again.close();
      expect(bodies.map((body) => Number(body.slice(5))).toSorted((a, b) => a - b)).toEqual(upTo(count));
    });

    it.each([
      ['the first file', 0, 10_000, 170],
      ['a file in the middle', 2, 10_000, 170],
      ['the last file', -1, 3000, 175],
      ['no file, but has made one longer', 1, 17_000, 200],
    ])(
      'gives the log of a closed store its sizes back when somebody has cut %s',
      async (_, which, sizeBytes, least) => {
        await filled(200);
        const name = (await readdir(join(path, 'commitlog'))).toSorted().at(which)!;
        await truncate(join(path, 'commitlog', name), sizeBytes);
        const found = await cli.store('verify', path);
        expect(found).toMatchObject({ code: 1, stderr: '' });
        expect(found.stdout).toContain(`the file has ${sizeBytes} bytes, not 16384`);
        expect((await cli.store('repair', path)).stdout).toContain(`give ${name} its 16384 bytes, it has ${sizeBytes}`);
        expect(await cli.store('repair', path, '--yes', '--skip-corrupt')).toMatchObject({ code: 0, stderr: '' });
        expect((await cli.store('verify', path)).stdout).toContain('no fault');
        const store = await openHere();
        const bodies = [...(await bodiesOf(store, 'test-topic', 0)), ...(await bodiesOf(store, 'test-topic', 1))];
        await store.close();
        expect(bodies.length).toBeGreaterThanOrEqual(least);
      },
    );

    it('bridges a whole file that is missing', async () => {
      await filled(200);
      await rm(join(path, 'commitlog', '00000000000000032768'));
      expect((await cli.store('repair', path, '--yes', '--skip-corrupt')).code).toBe(0);
      expect((await cli.store('verify', path)).stdout).toContain('no fault');
      const store = await openHere();
      // What is missing is passed over when a place is looked for by time.
      expect(await store.messages.offsetByTime('test-topic', 0, 0)).toBe(0);
      expect(await store.messages.offsetByTime('test-topic', 0, Number.MAX_SAFE_INTEGER)).toBe(100);
      const bodies = await bodiesOf(store, 'test-topic', 0);
      expect(bodies.length).toBeGreaterThan(80);
      expect(store.messages.queueRange('test-topic', 0)).toEqual({ minOffset: 0, maxOffset: 100 });
      await store.close();
    });

    it('makes queues and index again, and keeps the old ones', async () => {
      await filled(120);
      await change('consumequeue/test-topic/0/00000000000000000000', 40, Buffer.alloc(40, 7));
      expect((await cli.store('repair', path, '--yes')).code).toBe(0);
      expect((await cli.store('verify', path)).stdout).toContain('no fault');
      const [kept] = (await readdir(join(path, 'broken'))).filter((name) => name.endsWith('-repair'));
      expect(await readdir(join(path, 'broken', kept!))).toEqual(
        expect.arrayContaining(['checkpoint', 'consumequeue', 'index']),
      );
      const store = await openHere();
      expect(await bodiesOf(store, 'test-topic', 0)).toHaveLength(60);
      await store.close();
    });

    it('lets a queue without messages go on with its numbers', async () => {
      const store = await fill(0, 20);
      for (let i = 20; i < 200; i++)
        await store.messages.append(testDraft(`body ${i}`.padEnd(500), { topic: 'other' }));
      await store.clock.advance(100 * 3_600_000, () => store.activity.whenIdle());
      await store.retention.clean();
      expect(store.messages.queueRange('test-topic', 0)).toEqual({ minOffset: 10, maxOffset: 10 });
      await store.close();
      expect((await cli.store('repair', path, '--yes')).code).toBe(0);
      const again = await openHere();
      expect((await again.messages.append(draftOf(1))).queueOffset).toBe(10);
      await again.close();
    });
  });

  describe.each<GoldenVariant>(['clean', 'killed', 'torn'])('on a store of a real broker (%s)', (variant) => {
    it('inspects, verifies, dumps and repairs it', async () => {
      await mkdir(path);
      await unpackGoldenStore(variant, path);
      const expected = await goldenExpectation(variant);
      const summary = parsed(await cli.store('inspect', path, '--json')) as {
        topics: { topic: string; queues: { queueId: number; minOffset: number; maxOffset: number }[] }[];
      };
      for (const { topic, queueId, minOffset, maxOffset } of expected.queues) {
        if (maxOffset === 0) continue;
        const queues = summary.topics.find((one) => one.topic === topic)?.queues;
        expect(queues?.find((one) => one.queueId === queueId)).toEqual({ queueId, minOffset, maxOffset });
      }
      const verified = await cli.store('verify', path);
      expect(verified.stdout).toContain('no fault');
      const dumped = records(await cli.store('dump', path));
      const places = (of: readonly { [name: string]: unknown }[], name: string): unknown[] =>
        of.map((record) => record[name]).toSorted((a, b) => Number(a) - Number(b));
      expect(places(dumped, 'commitLogOffset')).toEqual(
        expect.arrayContaining(places(expected.records as never, 'physicalOffset')),
      );
      await cp(path, `${path}-copy`, { recursive: true });
      expect((await cli.store('repair', path, '--yes')).code).toBe(0);
      expect((await cli.store('verify', path)).stdout).toContain('no fault');
      expect(records(await cli.store('dump', path))).toHaveLength(dumped.length);
    });
  });

  describe('the command line', () => {
    it.each([
      [['frobnicate'], 'There is no command'],
      [['store'], 'needs one of inspect, verify, dump, repair'],
      [['store', 'inspect'], 'needs the directory'],
      [['store', 'inspect', 'a', 'b'], 'takes one directory'],
      [['store', 'dump', 'a', '--frobnicate'], '--frobnicate'],
      [['store', 'dump', 'a', '--limit', 'many'], '--limit is a whole number'],
      [['store', 'dump', 'a', '--from', 'yesterday'], '--from is a time'],
    ])('refuses %j, and says why', async (args, reason) => {
      const result = await cli.run(...args);
      expect(result).toMatchObject({ code: 2, stdout: '' });
      expect(result.stderr).toContain('CLI_USAGE');
      expect(result.stderr).toContain(reason);
    });

    it('helps', async () => {
      const result = await cli.run('--help');
      expect(result.code).toBe(0);
      expect(result.stdout).toContain('inspect');
    });

    it.each(['inspect', 'verify', 'dump', 'repair'])(
      '%s says so when there is a file, or a part of a store is none',
      async (command) => {
        await mkdir(directory.path, { recursive: true });
        await writeFile(path, 'x');
        const result = await cli.store(command, path);
        expect(result).toMatchObject({ code: 1, stdout: '' });
        expect(result.stderr).toMatch(/^STORE_UNUSABLE: .* is a file and no directory .*\n$/);
        await rm(path);
        await mkdir(join(path, 'commitlog', '00000000000000000000'), { recursive: true });
        const other = await cli.store(command, path);
        expect(other.code).toBe(1);
        expect(other.stderr).toMatch(/^STORE_[A-Z]+: .*\n$/);
      },
    );

    it('says so when there is no store', async () => {
      const result = await cli.store('inspect', join(directory.path, 'nowhere'));
      expect(result.code).toBe(1);
      expect(result.stderr).toContain('STORE_MISSING');
    });
  });
});
