import { storePaths } from '../engine/store/file-names.js';
import { isObject, tableOf } from '../engine/store/index.js';
import { parseLenientJson } from '../engine/store/lenient-json.js';
import type { FileSystem } from '../engine/types/index.js';

/** True when the file is there and can be read. */
export async function isJson(fileSystem: FileSystem, path: string): Promise<boolean> {
  try {
    const text = await fileSystem.readFile(path);
    if (text !== undefined) parseLenientJson(text.toString('utf8'));
    return text !== undefined;
  } catch {
    return false;
  }
}

async function contentOf(fileSystem: FileSystem, path: string): Promise<unknown> {
  for (const candidate of [path, `${path}.bak`]) {
    if (await isJson(fileSystem, candidate))
      return parseLenientJson((await fileSystem.readFile(candidate))!.toString('utf8'));
  }
  return undefined;
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
