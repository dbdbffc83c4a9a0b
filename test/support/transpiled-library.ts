import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';

const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Writes the library's folders as JavaScript into a directory, for child processes: Node alone runs no TypeScript. The child is then
 * the library as it is, and not a script that imitates it.
 *
 * @param folders below `lib`, such as `engine/io`; with all that they import
 */
export async function transpileLibrary(targetDirectory: string, folders: readonly string[]): Promise<void> {
  await writeFile(join(targetDirectory, 'package.json'), '{ "type": "module" }');
  await symlink(join(repositoryRoot, 'node_modules'), join(targetDirectory, 'node_modules'), 'junction');
  for (const folder of folders) {
    const sourceDirectory = join(repositoryRoot, 'lib', folder);
    for (const name of await readdir(sourceDirectory, { recursive: true })) {
      if (!name.endsWith('.ts') || name.endsWith('.d.ts')) continue;
      const source = await readFile(join(sourceDirectory, name), 'utf8');
      const { code } = await transform(source, {
        swcrc: false,
        filename: name,
        jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true } },
        module: { type: 'es6' },
      });
      const target = join(targetDirectory, folder, name.replace(/\.ts$/, '.js'));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, code);
    }
  }
}
