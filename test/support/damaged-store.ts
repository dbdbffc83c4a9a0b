import { ManualClock, SeededRandom, type FaultyFileSystem } from '../../lib/engine/io/index.js';
import type { EngineLogger } from '../../lib/engine/types/index.js';
import { HookedFileSystem } from './hooked-file-system.js';
import { openTestStore, testDraft, type TestStore } from './test-store.js';

export const STORE = '/store';
const QUEUES = [
  ['many', 0],
  ['many', 1],
  ['few', 0],
] as const;

/** One message as it is stored: what must never be wrong. */
export interface Told {
  readonly topic: string;
  readonly queueId: number;
  readonly queueOffset: number;
  readonly body: string;
}

/** A disk with a store of many files that was closed cleanly, and what is in it. Forks of it are damaged. */
export async function makeStore(): Promise<{ readonly disk: FaultyFileSystem; readonly told: readonly Told[] }> {
  const disk = new HookedFileSystem();
  const store = await openOn(disk);
  const told: Told[] = [];
  await store.topics.ensure('many', 2);
  await store.topics.ensure('few', 1);
  for (let i = 0; i < 120; i++) {
    const [topic, queueId] = QUEUES[i % 10 === 0 ? 2 : i % 2]!;
    const body = `message ${i} `.padEnd(100 + ((i * 37) % 500), `${i}`);
    const draft = testDraft(body, {
      topic,
      queueId,
      keys: `key-${i}`,
      tags: 'T',
      properties: `KEYS\u0001key-${i}\u0002`,
    });
    const { queueOffset } = await store.messages.append(draft);
    told.push({ topic, queueId, queueOffset, body });
  }
  await store.close();
  return { disk, told };
}

export function forkOf(disk: FaultyFileSystem): FaultyFileSystem {
  return disk.fork(new SeededRandom(1));
}

export function openOn(disk: FaultyFileSystem, logger?: EngineLogger): Promise<TestStore> {
  return openTestStore({ path: STORE, fileSystem: disk, clock: new ManualClock(), ...(logger && { logger }) });
}

/** All messages of a store, in the order of their queues. */
export async function tellAll({ messages }: TestStore): Promise<Told[]> {
  const all: Told[] = [];
  for (const [topic, queueId] of QUEUES) {
    const { minOffset, maxOffset } = messages.queueRange(topic, queueId);
    for (let offset = minOffset; offset < maxOffset;) {
      const batch = await messages.pull({ topic, queueId, offset, maxCount: 50, maxBytes: 1 << 20 });
      for (const record of batch.messages) {
        all.push({
          topic: record.storedTopic,
          queueId: record.queueId,
          queueOffset: record.queueOffset,
          body: record.body.toString(),
        });
      }
      offset = batch.nextOffset;
    }
  }
  return all;
}

/** The same in a comparable order. */
export function sorted(told: readonly Told[]): string[] {
  return told.map(({ topic, queueId, queueOffset, body }) => `${topic} ${queueId} ${queueOffset} ${body}`).toSorted();
}

export async function filesIn(disk: FaultyFileSystem, directory: string): Promise<string[]> {
  return (await disk.list(directory)).map((name) => `${directory}/${name}`).toSorted();
}

/** Changes a file behind the store's back. */
export async function change(disk: FaultyFileSystem, path: string, edit: (bytes: Buffer) => Buffer): Promise<void> {
  const bytes = edit(Buffer.from((await disk.readFile(path))!));
  const file = await disk.open(path, 'write');
  await file.truncate(bytes.length);
  await file.write(bytes, 0);
  await file.close();
}

export async function removeAll(disk: FaultyFileSystem, directory: string): Promise<void> {
  for (const path of await filesIn(disk, directory)) {
    if ((await disk.stat(path))?.kind === 'directory') await removeAll(disk, path);
    else await disk.remove(path);
  }
  await disk.remove(directory);
}
