import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';

const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs a Nest program on the library in a process of its own, since how a process ends can not be seen from within it.
 *
 * @param directory an empty one, for the library and the program as JavaScript: Node alone runs no TypeScript
 * @param program the program; it finds the library as `./lib/index.js`
 */
export async function startChildApp(directory: string, program: string): Promise<ChildProcess> {
  await symlink(join(repositoryRoot, 'node_modules'), join(directory, 'node_modules'), 'junction');
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  const names = await readdir(join(repositoryRoot, 'lib'), { recursive: true });
  const sources = names.filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'));
  await Promise.all(
    sources.map(async (name) => {
      const source = await readFile(join(repositoryRoot, 'lib', name), 'utf8');
      await writeJavaScript(join(directory, 'lib', name.replace(/\.ts$/, '.js')), source);
    }),
  );
  await writeJavaScript(join(directory, 'main.js'), program);
  return spawn(process.execPath, [join(directory, 'main.js')], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function writeJavaScript(path: string, source: string): Promise<void> {
  const { code } = await transform(source, {
    swcrc: false,
    filename: path.replace(/\.js$/, '.ts'),
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
    module: { type: 'es6' },
  });
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, code);
}
