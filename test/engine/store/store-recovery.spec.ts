import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { StoreCorruptError, StoreFormatError } from '../../../lib/errors/index.js';
import { FaultyFileSystem, ManualClock, SeededRandom } from '../../../lib/engine/io/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../support/temporary-directory.js';
import {
  bodiesOf,
  crashImage,
  openTestStore,
  SMALL_FILES,
  testDraft,
  type TestStore,
} from '../../support/test-store.js';

describe('a store that is opened again', () => {
  let directory: TemporaryDirectory;
  let stores: TestStore[];

  beforeEach(async () => {
    directory = await temporaryDirectory();
    stores = [];
  });

  afterEach(async () => {
    for (const store of stores) await store.close();
    await directory.remove();
  });

  const open = async (name: string, more: object = {}): Promise<TestStore> => {
    const store = await openTestStore({ path: join(directory.path, name), ...more });
    stores.push(store);
    return store;
  };
  const numbers = (from: number, to: number): string[] =>
    Array.from({ length: to - from }, (_, i) => `message ${from + i}`);
  const append = async (store: TestStore, bodies: readonly string[]): Promise<void> => {
    await Promise.all(bodies.map((body) => store.messages.append(testDraft(body))));
  };

  it('holds after a clean close what it held before, across many files', async () => {
    const first = await open('a');
    await append(first, numbers(0, 500));
    await first.close();
    expect((await readdir(join(directory.path, 'a', 'commitlog'))).length).toBeGreaterThan(3);
    expect(await readdir(join(directory.path, 'a'))).not.toContain('abort');

    const second = await open('a');
    expect(await bodiesOf(second)).toEqual(numbers(0, 500));
    await append(second, numbers(500, 520));
    expect(await bodiesOf(second)).toEqual(numbers(0, 520));
    expect(second.messages.queueRange('test-topic', 0)).toEqual({ minOffset: 0, maxOffset: 520 });
  });

  it('holds after a crash all that was acknowledged', async () => {
    const first = await open('a');
    await append(first, numbers(0, 300));
    await crashImage(first, join(directory.path, 'b'));
    const second = await open('b');
    expect(await bodiesOf(second)).toEqual(numbers(0, 300));
  });

  it('holds after a crash behind a checkpoint all that was acknowledged', async () => {
    const first = await open('a');
    await append(first, numbers(0, 200));
    await first.clock.advance(10_000, () => first.activity.whenIdle());
    await append(first, numbers(200, 230));
    await crashImage(first, join(directory.path, 'b'));
    const second = await open('b');
    expect(await bodiesOf(second)).toEqual(numbers(0, 230));
  });

  it('makes consume queues again that were deleted', async () => {
    const first = await open('a');
    await append(first, numbers(0, 100));
    await first.close();
    await rm(join(directory.path, 'a', 'consumequeue'), { recursive: true });
    expect(await bodiesOf(await open('a'))).toEqual(numbers(0, 100));
  });

  it('makes all consume queues again when a crash comes while they are brought to the disk', async () => {
    const first = await open('a');
    for (const queueId of [0, 1]) {
      for (const body of numbers(0, 50)) await first.messages.append(testDraft(body, { queueId }));
    }
    await first.close();
    const queues = join(directory.path, 'a', 'consumequeue', 'test-topic');
    await cp(queues, join(directory.path, 'kept'), { recursive: true });
    await rm(join(directory.path, 'a', 'consumequeue'), { recursive: true });
    const second = await open('a');
    // One queue got to the disk before the crash, the other did not.
    await crashImage(second, join(directory.path, 'b'));
    const crashed = join(directory.path, 'b', 'consumequeue', 'test-topic');
    await rm(join(directory.path, 'b', 'consumequeue'), { recursive: true, force: true });
    await cp(join(directory.path, 'kept', '0'), join(crashed, '0'), { recursive: true });
    const third = await open('b');
    expect(await bodiesOf(third, 'test-topic', 0)).toEqual(numbers(0, 50));
    expect(await bodiesOf(third, 'test-topic', 1)).toEqual(numbers(0, 50));
  });

  it('says how far it is while the log is read again for long', async () => {
    const first = await open('a', { mappedFileSizeCommitLogBytes: 8 * 1024 * 1024 });
    for (let i = 0; i < 10; i++) await first.messages.append(testDraft(Buffer.alloc(1024 * 1024, `${i}`)));
    await first.close();
    await rm(join(directory.path, 'a', 'consumequeue'), { recursive: true });
    const lines: string[] = [];
    const logger = { debug() {}, log: (line: string) => void lines.push(line), warn() {}, error() {} };
    const clock = new ManualClock();
    // Each look at the time takes six seconds, as if the disk were slow.
    clock.monotonicMs = () => (lookedMs += 6000);
    let lookedMs = 0;
    await open('a', { clock, logger, mappedFileSizeCommitLogBytes: 8 * 1024 * 1024 });
    const reports = lines.filter((line) => line.includes('is being read again'));
    expect(reports.length).toBeGreaterThan(1);
    expect(reports.at(-1)).toMatch(/for \d+ s: at \d+ of at most 16 MiB/);
  });

  it('makes consume queues again that are shorter than the checkpoint says', async () => {
    const first = await open('a');
    await append(first, numbers(0, 40));
    await first.close();
    const queueDirectory = join(directory.path, 'a', 'consumequeue', 'test-topic', '0');
    const second = await open('a');
    await append(second, numbers(40, 60));
    await crashImage(second, join(directory.path, 'b'));
    // Entries of messages 32 to 39 never got to the disk, though the checkpoint covers them.
    const [, , lost] = (await readdir(queueDirectory)).toSorted();
    const lostFile = join(directory.path, 'b', 'consumequeue', 'test-topic', '0', lost!);
    await writeFile(lostFile, Buffer.alloc((await readFile(lostFile)).length));
    expect(await bodiesOf(await open('b'))).toEqual(numbers(0, 60));
  });

  it('keeps what a checkpoint says to be in the queues, also when a torn write begins where it ends', async () => {
    const clock = new ManualClock();
    const disk = new FaultyFileSystem({ random: new SeededRandom(1), clock });
    const openThere = (): Promise<TestStore> => openTestStore({ path: '/store', fileSystem: disk, clock });
    let store = await openThere();
    // The list of queues, which would tell, has no room.
    disk.failNext({ operation: 'write', pathPart: 'consumeQueues.json', code: 'ENOSPC', times: 1000 });
    await append(store, numbers(0, 40));
    const last = await store.messages.append(testDraft('message 40'));
    const endOffset = last.physicalOffset + last.sizeBytes;
    await clock.advance(10_000, () => store.activity.whenIdle());
    disk.crash('process');
    disk.clearFaults();
    const [file] = (await disk.list('/store/commitlog')).toReversed();
    const log = await disk.open(`/store/commitlog/${file}`, 'write');
    await log.write(Buffer.from([1, 2, 3, 4]), endOffset - Number(file));
    await log.close();

    store = await openThere();
    // In a queue of its own, in which no number is missing.
    await store.messages.append(testDraft('other', { queueId: 1 }));
    disk.crash('power', 0);
    store = await openThere();
    expect(await bodiesOf(store)).toEqual(numbers(0, 41));
    expect(await bodiesOf(store, 'test-topic', 1)).toEqual(['other']);
    await store.close();
  });

  it('makes the entry of a topic again that was lost', async () => {
    const first = await open('a');
    await first.messages.append(testDraft('x', { queueId: 2 }));
    await first.close();
    await rm(join(directory.path, 'a', 'config'), { recursive: true, force: true });
    expect((await open('a')).topics.get('test-topic')).toMatchObject({ readQueueNums: 3, writeQueueNums: 3 });
  });

  it('loses nothing but the torn record when the last write is cut at any byte, and keeps what it cuts', async () => {
    const first = await open('a');
    await append(first, ['one', 'two', 'three']);
    const { maxOffset } = first.messages.queueRange('test-topic', 0);
    const [last] = await Promise.resolve(first.messages.entries('test-topic', 0, maxOffset - 1, 1));
    await crashImage(first, join(directory.path, 'image'));
    const logFile = join('commitlog', '00000000000000000000');
    const whole = await readFile(join(directory.path, 'image', logFile));
    for (let kept = 0; kept < last!.sizeBytes; kept++) {
      const torn = Buffer.from(whole).fill(0, last!.physicalOffset + kept);
      const path = join(directory.path, `torn-${kept}`);
      await copyStore(join(directory.path, 'image'), path, logFile, torn);
      const store = await openTestStore({ path, clock: new ManualClock() });
      const bodies = await bodiesOf(store);
      // Only zeros at the end of the record can make a cut that changes nothing.
      expect([kept, bodies]).toEqual([kept, torn.equals(whole) ? ['one', 'two', 'three'] : ['one', 'two']]);
      await store.messages.append(testDraft('four'));
      expect((await bodiesOf(store)).at(-1)).toBe('four');
      await store.close();
      const evidence = await evidenceOf(path);
      const cutBytes = withoutTrailingZeros(torn.subarray(last!.physicalOffset, last!.physicalOffset + kept));
      expect(evidence.equals(torn.equals(whole) ? Buffer.alloc(0) : cutBytes)).toBe(true);
      const again = await openTestStore({ path });
      expect((await bodiesOf(again)).at(-1)).toBe('four');
      await again.close();
    }
  }, 60_000);

  it('never brings back a record that stood behind a torn one', async () => {
    const first = await open('a');
    await append(first, ['one', 'two', 'three']);
    const [second] = await Promise.resolve(first.messages.entries('test-topic', 0, 1, 1));
    await crashImage(first, join(directory.path, 'b'));
    const logFile = join(directory.path, 'b', 'commitlog', '00000000000000000000');
    const bytes = await readFile(logFile);
    bytes[second!.physicalOffset + 90]! ^= 0xff;
    await writeFile(logFile, bytes);
    const store = await open('b');
    expect(await bodiesOf(store)).toEqual(['one']);
    await store.messages.append(testDraft('2nd'));
    expect(await bodiesOf(store)).toEqual(['one', '2nd']);
    await store.close();
    expect(await bodiesOf(await open('b'))).toEqual(['one', '2nd']);
  });

  it('refuses a log that is broken in the middle, naming file and offset, and leaves it as it is', async () => {
    const first = await open('a');
    await append(first, numbers(0, 600));
    await crashImage(first, join(directory.path, 'b'));
    const logFile = join(directory.path, 'b', 'commitlog', '00000000000000000000');
    const bytes = await readFile(logFile);
    bytes[bytes.indexOf('message 50')]! ^= 1;
    await writeFile(logFile, bytes);
    const failure = await openTestStore({ path: join(directory.path, 'b') }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StoreCorruptError);
    expect(failure).toMatchObject({
      code: 'STORE_CORRUPT',
      fields: { file: logFile, reason: expect.stringContaining('checksum') },
    });
    expect((await readFile(logFile)).equals(bytes)).toBe(true);
  });

  it('refuses a record of the disk that was changed after it was written, when it is read', async () => {
    const first = await open('a', { tailCacheBytes: 1024 * 1024 });
    await append(first, numbers(0, 50));
    await first.close();
    const logFile = join(directory.path, 'a', 'commitlog', '00000000000000000000');
    const bytes = await readFile(logFile);
    bytes[bytes.indexOf('message 20')]! ^= 1;
    await writeFile(logFile, bytes);
    const store = await open('a');
    await expect(bodiesOf(store)).rejects.toMatchObject({ code: 'STORE_CORRUPT', fields: { file: logFile } });
  });

  it.each([
    ['queue', 12, Buffer.from([1])],
    ['number', 20, Buffer.from([1])],
    ['topic', 'test-topic', Buffer.from('../../outs')],
  ])('refuses a record whose %s can not be, and writes nothing outside of its directory', async (_, place, bytes) => {
    const first = await open('a');
    await append(first, numbers(0, 3));
    await crashImage(first, join(directory.path, 'b', 'c'));
    const logFile = join(directory.path, 'b', 'c', 'commitlog', '00000000000000000000');
    const log = await readFile(logFile);
    bytes.copy(log, typeof place === 'number' ? place : log.indexOf(place));
    await writeFile(logFile, log);
    await expect(openTestStore({ path: join(directory.path, 'b', 'c') })).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      fields: { file: logFile, offset: 0, reason: expect.stringContaining('can not be') },
    });
    expect(await readdir(join(directory.path, 'b'))).toEqual(['c']);
  });

  it.each([
    ['of the log', 1],
    ['of the queues', 9],
  ])('gives no message a time of the future when the time %s in the checkpoint has a wrong bit', async (_, place) => {
    const clock = new ManualClock();
    const first = await open('a', { clock });
    await append(first, numbers(0, 3));
    await first.close();
    const checkpoint = join(directory.path, 'a', 'checkpoint');
    const bytes = await readFile(checkpoint);
    bytes[place]! ^= 0x10;
    await writeFile(checkpoint, bytes);
    const store = await open('a', { clock });
    expect((await store.messages.append(testDraft('next'))).storeTimestampMs).toBe(clock.now());
  });

  it('says that it is the checkpoint by which the log should go on', async () => {
    const first = await open('a');
    await append(first, numbers(0, 3));
    await first.close();
    const checkpoint = join(directory.path, 'a', 'checkpoint');
    const bytes = await readFile(checkpoint);
    bytes[36]! ^= 0x10;
    await writeFile(checkpoint, bytes);
    await expect(open('a')).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      fields: { reason: expect.stringContaining('the checkpoint says that it goes on to') },
    });
  });

  it('takes no directory for a queue that no topic can have', async () => {
    const first = await open('a');
    await append(first, numbers(0, 3));
    await first.close();
    for (const name of ['4000000000', '99999999999999999999', '007']) {
      await mkdir(join(directory.path, 'a', 'consumequeue', 'test-topic', name));
    }
    const store = await open('a');
    expect(store.queuesOf('test-topic')).toEqual([{ queueId: 0, minOffset: 0, maxOffset: 3 }]);
  });

  it.each([
    ['a number that no queue gets to', { 'test-topic': { 0: [0, 1e300] } }],
    ['a queue that no topic has', { 'test-topic': { 4000000000: [0, 3] } }],
    ['a queue that is no number', { 'test-topic': { x: [0, 3] } }],
    ['a range that is none', { 'test-topic': { 0: ['a', {}] } }],
    ['a topic that leads out of the store', { '../../outside': { 0: [0, 3] } }],
  ])('passes over %s in the list of queues', async (_, wrong) => {
    const path = join(directory.path, 'b', 'c');
    const first = await open('b/c');
    await append(first, numbers(0, 3));
    await first.close();
    const list = join(path, 'config', 'consumeQueues.json');
    const content = JSON.parse(await readFile(list, 'utf8')) as object;
    await writeFile(list, JSON.stringify({ ...content, queueTable: wrong }));
    const store = await open('b/c');
    expect(store.queuesOf('test-topic')).toEqual([{ queueId: 0, minOffset: 0, maxOffset: 3 }]);
    expect((await store.messages.append(testDraft('next'))).queueOffset).toBe(3);
    await store.close();
    expect(await readdir(join(directory.path, 'b'))).toEqual(['c']);
  });

  it('names the entry of a queue that leads to before the beginning of the log', async () => {
    const first = await open('a');
    await append(first, numbers(0, 3));
    await first.close();
    const file = join(directory.path, 'a', 'consumequeue', 'test-topic', '0', '00000000000000000000');
    const bytes = await readFile(file);
    bytes.fill(0xff, 0, 8);
    await writeFile(file, bytes);
    await expect(bodiesOf(await open('a'))).rejects.toMatchObject({ code: 'STORE_CORRUPT', fields: { file } });
  });

  it('refuses files of another size, naming the file', async () => {
    const first = await open('a');
    await append(first, numbers(0, 5));
    await first.close();
    const path = join(directory.path, 'a');
    await expect(
      openTestStore({ path, mappedFileSizeCommitLogBytes: SMALL_FILES.mappedFileSizeCommitLogBytes * 2 }),
    ).rejects.toBeInstanceOf(StoreFormatError);
    expect(await bodiesOf(await open('a'))).toEqual(numbers(0, 5));
  });

  it('takes the copy of a config file that was damaged', async () => {
    const first = await open('a');
    await first.topics.ensure('one', 4);
    await first.topics.ensure('two', 8);
    await first.close();
    await writeFile(join(directory.path, 'a', 'config', 'topics.json'), '{"dataVersion":');
    const store = await open('a');
    expect(store.topics.get('one')).toMatchObject({ writeQueueNums: 4, perm: 6 });
  });

  it.each([[1e9], [-1], [1.5], ['8'], [null]])('names the topic that is said to have %j queues', async (queueNums) => {
    const path = join(directory.path, 'a');
    await mkdir(join(path, 'config'), { recursive: true });
    const table = { fine: { readQueueNums: 0, writeQueueNums: 0 }, wrong: { readQueueNums: queueNums } };
    await writeFile(join(path, 'config', 'topics.json'), JSON.stringify({ topicConfigTable: table }));
    await expect(open('a')).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      fields: { file: expect.stringContaining('topics.json'), reason: expect.stringContaining('"wrong"') },
    });
  });

  it('names the group that is said to have a thousand million retry queues', async () => {
    const path = join(directory.path, 'a');
    await mkdir(join(path, 'config'), { recursive: true });
    const table = { subscriptionGroupTable: { wrong: { retryQueueNums: 1e9 } } };
    await writeFile(join(path, 'config', 'subscriptionGroup.json'), JSON.stringify(table));
    await expect(open('a')).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      fields: { reason: expect.stringContaining('"wrong"') },
    });
  });

  it('leaves a file of the log alone that begins where offsets can not be counted any more', async () => {
    const path = join(directory.path, 'a', 'commitlog');
    await mkdir(path, { recursive: true });
    const name = '09007199254740992000';
    await writeFile(join(path, name), Buffer.alloc(SMALL_FILES.mappedFileSizeCommitLogBytes));
    const store = await open('a');
    await append(store, numbers(0, 100));
    expect(await bodiesOf(store)).toEqual(numbers(0, 100));
    expect(await readdir(path)).toEqual(['00000000000000000000', name]);
  });

  it('sees soon that a config file is damaged that ends in a string of many quotes', async () => {
    const first = await open('a');
    await first.topics.ensure('one', 4);
    await first.close();
    const file = join(directory.path, 'a', 'config', 'topics.json');
    await rm(`${file}.bak`, { force: true });
    await writeFile(file, `{"a":"${'\\"'.repeat(1_000_000)}`);
    await expect(open('a')).rejects.toMatchObject({ code: 'STORE_CORRUPT', fields: { file } });
  });

  it('reads config files as a real broker writes them, with bare integer keys', async () => {
    const path = join(directory.path, 'a');
    await mkdir(join(path, 'config'), { recursive: true });
    await writeFile(
      join(path, 'config', 'topics.json'),
      '{\n\t"dataVersion":{"counter":3,"stateVersion":0,"timestamp":1},\n\t"topicConfigTable":{"T":{"attributes":{},"order":false,"perm":6,"readQueueNums":2,"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":0,"writeQueueNums":5}},"other":{0:"{1:2}",-7:1}}',
    );
    const store = await open('a');
    expect(store.topics.get('T')).toMatchObject({ readQueueNums: 2, writeQueueNums: 5 });
    await store.topics.ensure('U', 1);
    await store.close();
    const written: unknown = JSON.parse(await readFile(join(path, 'config', 'topics.json'), 'utf8'));
    expect(written).toMatchObject({ dataVersion: { counter: 4 }, other: { 0: '{1:2}', '-7': 1 } });
  });
});

async function copyStore(from: string, to: string, changedFile: string, content: Buffer): Promise<void> {
  await mkdir(join(to, 'commitlog'), { recursive: true });
  for (const name of ['abort', 'lock', 'checkpoint']) {
    await copyFile(join(from, name), join(to, name)).catch(() => undefined);
  }
  await writeFile(join(to, changedFile), content);
}

/** What recovery kept of the bytes that it cut off. */
async function evidenceOf(path: string): Promise<Buffer> {
  const names = await readdir(join(path, 'broken')).catch(() => []);
  return Buffer.concat(await Promise.all(names.map((name) => readFile(join(path, 'broken', name)))));
}

function withoutTrailingZeros(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}
