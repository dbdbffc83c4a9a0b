import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** A TypeScript file of the repository, parsed. */
export interface Source {
  /** Path from the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

export function parseSource(path: string, text: string): Source {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true) };
}

/** All TypeScript files below a folder of the repository; none if there is no such folder. */
export async function readSources(folder: string): Promise<Source[]> {
  const names = await readdir(`${repositoryRoot}/${folder}`, { recursive: true }).catch(ifMissing);
  const paths = names
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((path) => /\.[cm]?tsx?$/.test(path) && !path.includes('/node_modules/'))
    .toSorted();
  return Promise.all(paths.map(async (path) => parseSource(path, await readFile(`${repositoryRoot}/${path}`, 'utf8'))));
}

/** A place in a source as an editor's link. */
export function placeOf(source: Source, node: ts.Node): string {
  const { line } = source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree));
  return `${source.path}:${line + 1}`;
}

/** Calls `visit` for every node of a tree, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function ifMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
