import { FaultyFileSystem, ManualClock, SeededRandom } from '../../../lib/engine/io/index.js';
import type { FileSystem, StateFile } from '../../../lib/engine/types/index.js';
import { bodiesOf, openTestStore, testDraft, type TestStore, type TestStoreParts } from '../../support/test-store.js';
import { watched } from '../../support/watched.js';

const BODIES = Array.from({ length: 40 }, (_, i) => `body ${i}`);
const SORTED = BODIES.toSorted();
const SETTINGS = { readQueueNums: 2, writeQueueNums: 2, attributes: { 'message.type': 'NORMAL' } } as const;

async function fill(store: TestStore, topic: string, bodies: readonly string[] = BODIES): Promise<void> {
  const config = await store.topics.ensure(topic, 2);
  await store.topics.put({ ...config, ...SETTINGS });
  for (const [index, body] of bodies.entries()) {
    await store.messages.append(testDraft(body, { topic, queueId: index % 2, keys: body, uniqKey: body }));
  }
}

const bodies = async (store: TestStore, topic: string): Promise<string[]> =>
  [...(await bodiesOf(store, topic, 0)), ...(await bodiesOf(store, topic, 1))].toSorted();

const topicNames = (store: TestStore): string[] =>
  store.topics
    .list()
    .map(({ topicName }) => topicName)
    .toSorted();

/** Stands for what others keep of topics: a file that names those that it knows. */
class Notes {
  readonly #topics: Set<string>;
  readonly #file: StateFile;

  private constructor(topics: Set<string>, file: StateFile) {
    this.#topics = topics;
    this.#file = file;
  }

  static async open(store: TestStore): Promise<Notes> {
    const topics = new Set<string>();
    const file = await store.state.open('notes.json', { snapshot: () => [...topics], flushIntervalMs: 5000 });
    for (const topic of Array.isArray(file.initial) ? (file.initial as string[]) : []) topics.add(topic);
    return new Notes(topics, file);
  }

  has(topic: string): boolean {
    return this.#topics.has(topic);
  }

  async add(topic: string): Promise<void> {
    this.#topics.add(topic);
    this.#file.markDirty();
    await this.#file.flush();
  }

  readonly forget = async (topic: string): Promise<void> => {
    this.#topics.delete(topic);
    this.#file.markDirty();
    await this.#file.flush();
  };
}

interface Life {
  readonly store: TestStore;
  readonly notes: Notes;
}

describe('a topic that is deleted', () => {
  let disk: FaultyFileSystem;
  let random: SeededRandom;
  let clock: ManualClock;
  let store: TestStore;
  let notes: Notes;

  const begin = async (fileSystem: FileSystem = disk, more: Partial<TestStoreParts> = {}): Promise<Life> => {
    const opened = await openTestStore({ path: '/store', fileSystem, clock, ...more });
    const openedNotes = await Notes.open(opened);
    await opened.finishDeletions(openedNotes.forget);
    return { store: opened, notes: openedNotes };
  };
  const restart = async (more: Partial<TestStoreParts> = {}): Promise<void> => {
    await store.close();
    ({ store, notes } = await begin(disk, more));
  };
  const deleteTopic = (topic: string): Promise<void> => store.deleteTopic(topic, notes.forget);

  beforeEach(async () => {
    random = new SeededRandom(3);
    clock = new ManualClock();
    disk = new FaultyFileSystem({ random, clock });
    ({ store, notes } = await begin());
    await fill(store, 'kept');
    await fill(store, 'gone');
    await notes.add('kept');
    await notes.add('gone');
  });

  it('does not come back when all queues are made again from the log', async () => {
    await deleteTopic('gone');
    await store.close();
    await removeAll(disk, '/store/consumequeue');
    ({ store, notes } = await begin());
    expect(topicNames(store)).toEqual(['kept']);
    expect(store.messages.queueRange('gone', 0)).toEqual({ minOffset: 0, maxOffset: 0 });
    expect(await bodies(store, 'kept')).toEqual(SORTED);
    expect(notes.has('gone')).toBe(false);
    await store.close();
  });

  it('leaves no file behind', async () => {
    await restart();
    expect(await disk.list('/store/consumequeue')).toEqual(['gone', 'kept']);
    await deleteTopic('gone');
    expect(await disk.list('/store/consumequeue')).toEqual(['kept']);
    await store.close();
  });

  it('makes room for a new topic of its name, whose messages are made again like all others', async () => {
    await deleteTopic('gone');
    await fill(store, 'gone', ['new 0', 'new 1', 'new 2']);
    expect(await bodies(store, 'gone')).toEqual(['new 0', 'new 1', 'new 2']);
    await restart();
    expect(await bodies(store, 'gone')).toEqual(['new 0', 'new 1', 'new 2']);
    await store.close();
    await removeAll(disk, '/store/consumequeue');
    ({ store, notes } = await begin());
    expect(await bodies(store, 'gone')).toEqual(['new 0', 'new 1', 'new 2']);
    expect(store.messages.queueRange('gone', 0)).toEqual({ minOffset: 0, maxOffset: 2 });
    expect(store.topics.get('gone')).toMatchObject(SETTINGS);
    await store.close();
  });

  it('can be deleted again and again, and does no harm when it was never there', async () => {
    for (let round = 0; round < 3; round++) {
      await Promise.all([deleteTopic('gone'), deleteTopic('gone'), deleteTopic('never')]);
      await fill(store, 'gone', [`round ${round}`]);
      expect(await bodies(store, 'gone')).toEqual([`round ${round}`]);
    }
    await restart();
    expect(await bodies(store, 'gone')).toEqual(['round 2']);
    expect(await bodies(store, 'kept')).toEqual(SORTED);
    await store.close();
  });

  it('takes nothing and is nowhere until the deletion has ended; what is on its way is stored and acknowledged', async () => {
    const onItsWay = store.messages.append(testDraft('late', { topic: 'gone' }));
    const deleting = deleteTopic('gone');
    expect(store.topics.get('gone')).toBeUndefined();
    expect(topicNames(store)).toEqual(['kept']);
    const busy = { code: 'TOPIC_BUSY', fields: { topic: 'gone' } };
    await expect(store.messages.append(testDraft('too late', { topic: 'gone' }))).rejects.toMatchObject(busy);
    expect(() => store.topics.ensure('gone', 1)).toThrow(expect.objectContaining(busy));
    await expect(store.topics.put({ ...store.topics.get('kept')!, topicName: 'gone' })).rejects.toMatchObject(busy);
    expect(await onItsWay).toMatchObject({ queueOffset: 20 });
    await deleting;
    await fill(store, 'gone', ['first of the new ones']);
    expect(await bodies(store, 'gone')).toEqual(['first of the new ones']);
    await store.close();
  });

  it('waits for messages that the log has no room for at the moment', async () => {
    await restart({ maxUnflushedBytes: 1024 * 1024 });
    const large = Buffer.alloc(12_000);
    // Those to the topic come last, so none of them has got into the log when the deletion begins.
    const many = Array.from({ length: 200 }, (_, i) =>
      store.messages.append(testDraft(large, { topic: i < 150 ? 'kept' : 'gone' })),
    );
    await deleteTopic('gone');
    const stored = await Promise.all(many);
    const numbers = Array.from({ length: 50 }, (_, i) => 20 + i);
    expect(stored.slice(150).map(({ queueOffset }) => queueOffset)).toEqual(numbers);
    expect(store.messages.queueRange('gone', 0)).toEqual({ minOffset: 0, maxOffset: 0 });
    await fill(store, 'gone', ['new']);
    await restart();
    expect(await bodies(store, 'gone')).toEqual(['new']);
    await store.close();
  });

  it('does not have to wait for those who send to other topics without end', async () => {
    let isSending = true;
    let sent = 0;
    const submit = (): void => {
      sent++;
      if (isSending)
        store.messages.submit(testDraft('more', { topic: 'busy' }), { onStored: submit, onFailed: () => undefined });
    };
    submit();
    await deleteTopic('gone');
    isSending = false;
    await store.activity.whenIdle();
    expect(sent).toBeGreaterThan(1);
    expect(await bodies(store, 'gone')).toEqual([]);
    await store.close();
  });

  it('is refused by a store that is closed', async () => {
    await store.close();
    await expect(deleteTopic('gone')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });

  it('is deleted when the store is closed meanwhile', async () => {
    const deleting = deleteTopic('gone');
    await store.close();
    await deleting;
    ({ store, notes } = await begin());
    expect(topicNames(store)).toEqual(['kept']);
    await store.close();
  });

  /** The disk as it is before each call that the deletion makes, and after the last one. */
  async function statesOfDeletion(more: Partial<TestStoreParts> = {}): Promise<FaultyFileSystem[]> {
    const states: FaultyFileSystem[] = [];
    await store.close();
    let isWatching = false;
    const fileSystem = watched(disk, () => {
      if (isWatching) states.push(disk.fork(random));
    });
    const life = await begin(fileSystem, more);
    // Some of the topic is in the log alone, not yet in its queues' files.
    await fill(life.store, 'gone', ['young']);
    isWatching = true;
    await life.store.deleteTopic('gone', life.notes.forget);
    isWatching = false;
    states.push(disk.fork(random));
    await life.store.close();
    return states;
  }

  async function checkWholeOrGone({ store: opened, notes: openedNotes }: Life): Promise<'there' | 'gone'> {
    const left = await bodies(opened, 'gone');
    const isThere = opened.topics.get('gone') !== undefined;
    expect(left).toEqual(isThere ? [...BODIES, 'young'].toSorted() : []);
    expect(openedNotes.has('gone')).toBe(isThere);
    if (isThere) expect(opened.topics.get('gone')).toMatchObject(SETTINGS);
    expect(await bodies(opened, 'kept')).toEqual(SORTED);
    expect(openedNotes.has('kept')).toBe(true);
    return isThere ? 'there' : 'gone';
  }

  it.each([
    ['power', 0, 'SYNC_FLUSH'],
    ['power', 50, 'SYNC_FLUSH'],
    ['power', 100, 'SYNC_FLUSH'],
    ['process', 100, 'SYNC_FLUSH'],
    ['process', 100, 'ASYNC_FLUSH'],
  ] as const)(
    'is whole or gone, and nothing else is touched, wherever a crash comes: %s, %d %%, %s',
    async (kind, survival, flushDiskType) => {
      const outcomes: string[] = [];
      for (const state of await statesOfDeletion({ flushDiskType })) {
        state.crash(kind, survival);
        const life = await begin(state);
        outcomes.push(await checkWholeOrGone(life));
        if (outcomes.at(-1) === 'gone') {
          await fill(life.store, 'gone', ['new']);
          await life.notes.add('gone');
        }
        // A second crash: what was stored since counts, and nothing of the old topic comes back.
        state.crash(kind, survival);
        const again = await begin(state);
        const isThere = outcomes.at(-1) === 'there';
        expect(await bodies(again.store, 'gone')).toEqual(isThere ? [...BODIES, 'young'].toSorted() : ['new']);
        expect(again.store.topics.get('gone')).toMatchObject(SETTINGS);
        expect(again.notes.has('gone')).toBe(true);
        await again.store.close();
      }
      expect(outcomes.length).toBeGreaterThan(20);
      expect(outcomes[0]).toBe('there');
      expect(outcomes.at(-1)).toBe('gone');
      // Once it is decided it stays so.
      expect(outcomes.lastIndexOf('there')).toBeLessThan(outcomes.length / 2);
    },
  );

  it('under ASYNC_FLUSH takes no later message with it when the log loses its end', async () => {
    await restart({ flushDiskType: 'ASYNC_FLUSH' });
    await fill(store, 'gone', ['young']);
    await deleteTopic('gone');
    disk.crash('power', 0);
    ({ store, notes } = await begin());
    await fill(store, 'gone', ['new 1', 'new 2']);
    disk.crash('power', 0);
    ({ store, notes } = await begin());
    expect(await bodies(store, 'gone')).toEqual(['new 1', 'new 2']);
    await store.close();
  });

  it('is whole, or can be deleted again, when any one call of the deletion fails', async () => {
    const calls: string[] = [];
    await store.close();
    const start = disk.fork(random);
    for (let failing = 0; ; failing++) {
      disk = start.fork(random);
      let count = -1;
      let failed: string | undefined;
      const fileSystem = failingAt(disk, (operation) => {
        if (count < 0 || count++ !== failing) return false;
        failed = operation;
        return true;
      });
      const life = await begin(fileSystem);
      await fill(life.store, 'gone', ['young']);
      count = 0;
      const outcome = await life.store.deleteTopic('gone', life.notes.forget).catch((error: unknown) => error);
      count = -1;
      if (failed === undefined) {
        expect(outcome).toBeUndefined();
        await life.store.close();
        break;
      }
      calls.push(failed);
      if (outcome !== undefined) {
        expect(outcome).toMatchObject({ code: 'TOPIC_DELETION_FAILED', fields: { topic: 'gone' } });
        if (life.store.isBeingDeleted('gone')) expect(life.store.topics.get('gone')).toBeUndefined();
        else expect(await checkWholeOrGone(life)).toBe('there');
        await life.store.deleteTopic('gone', life.notes.forget);
      }
      expect(await checkWholeOrGone(life)).toBe('gone');
      await fill(life.store, 'gone', ['new']);
      await life.store.close();
      const again = await begin(disk);
      expect(await bodies(again.store, 'gone')).toEqual(['new']);
      await again.store.close();
    }
    expect(calls.length).toBeGreaterThan(20);
    expect(new Set(calls)).toEqual(
      new Set(['open', 'write', 'datasync', 'close', 'rename', 'remove', 'syncDirectory', 'list', 'stat']),
    );
  });

  it('is finished when the store is opened again after a failure', async () => {
    await restart();
    disk.failNext({ operation: 'remove', pathPart: '/consumequeue/', code: 'EIO' });
    await expect(deleteTopic('gone')).rejects.toMatchObject({ code: 'TOPIC_DELETION_FAILED' });
    expect(store.isBeingDeleted('gone')).toBe(true);
    await restart();
    expect(store.isBeingDeleted('gone')).toBe(false);
    expect(topicNames(store)).toEqual(['kept']);
    await fill(store, 'gone', ['new']);
    expect(await bodies(store, 'gone')).toEqual(['new']);
    await store.close();
  });
});

function failingAt<T extends object>(target: T, fails: (operation: string) => boolean): T {
  return new Proxy(target, {
    get(object, name) {
      const member = Reflect.get(object, name, object) as unknown;
      if (typeof member !== 'function') return member;
      return (...given: unknown[]): unknown => {
        if (fails(String(name))) {
          return Promise.reject(Object.assign(new Error(`EIO: ${String(name)}`), { code: 'EIO' }));
        }
        const result = Reflect.apply(member, object, given) as unknown;
        return name === 'open' ? (result as Promise<object>).then((file) => failingAt(file, fails)) : result;
      };
    },
  });
}

async function removeAll(fileSystem: FileSystem, path: string): Promise<void> {
  for (const name of await fileSystem.list(path)) {
    const child = `${path}/${name}`;
    if ((await fileSystem.stat(child))?.kind === 'directory') await removeAll(fileSystem, child);
    else await fileSystem.remove(child);
  }
  await fileSystem.remove(path);
}
