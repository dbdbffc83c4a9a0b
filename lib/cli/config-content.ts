import { storePaths } from '../engine/store/file-names.js';
import { isObject, tableOf } from '../engine/store/index.js';
import { parseLenientJson } from '../engine/store/lenient-json.js';
import type { FileSystem } from '../engine/types/index.js';

/** True when the file is there and can be read. */
export async function isJson(fileSystem: FileSystem, path: string): Promise<boolean> {
  return (await readJson(fileSystem, path)) !== undefined;
}

/** Undefined when the file is not there or can not be read. */
async function readJson(fileSystem: FileSystem, path: string): Promise<unknown> {
  try {
    const text = await fileSystem.readFile(path);
    return text === undefined ? undefined : parseLenientJson(text.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function contentOf(fileSystem: FileSystem, path: string): Promise<unknown> {
  const content = await readJson(fileSystem, path);
  return content === undefined ? readJson(fileSystem, `${path}.bak`) : content;
}

/** Names of the entries of a table. */
export async function namesIn(fileSystem: FileSystem, path: string, table: string): Promise<ReadonlySet<string>> {
  return new Set(Object.keys(tableOf(await contentOf(fileSystem, path), table)));
}

/** What `deletedTopics.json` says: true for a record of a topic that was deleted after it was stored. */
export async function deletions(
  fileSystem: FileSystem,
  storePath: string,
): Promise<(topic: string, physicalOffset: number) => boolean> {
  const path = `${storePaths(storePath).config}/deletedTopics.json`;
  const table = tableOf(await contentOf(fileSystem, path), 'deletedTopics');
  return (topic, physicalOffset) => {
    const deletion = table[topic];
    return isObject(deletion) && physicalOffset < Number(deletion['endOffset']);
  };
}
