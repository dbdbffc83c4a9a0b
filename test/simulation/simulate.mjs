// Runs the simulation without jest: `npm run simulate -- --help` says how. Node runs no TypeScript, so the engine and the simulation are
// transpiled into a temporary directory first; what runs is the present source, not the last build.
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transform } from '@swc/core';

const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

async function transpile(folder, target) {
  for (const name of await readdir(join(repositoryRoot, folder), { recursive: true })) {
    if (!name.endsWith('.ts') || name.endsWith('.d.ts') || name.endsWith('.spec.ts')) continue;
    const path = join(repositoryRoot, folder, name);
    const { code } = await transform(await readFile(path, 'utf8'), {
      swcrc: false,
      filename: path,
      sourceMaps: 'inline',
      jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true } },
      module: { type: 'es6' },
    });
    const output = join(target, folder, name.replace(/\.ts$/, '.js'));
    await mkdir(dirname(output), { recursive: true });
    await writeFile(output, code);
  }
}

process.setSourceMapsEnabled(true);
const directory = await mkdtemp(join(tmpdir(), 'nestjs-rocket-simulation-'));
try {
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  await symlink(join(repositoryRoot, 'node_modules'), join(directory, 'node_modules'), 'junction');
  for (const folder of ['lib/engine', 'lib/errors', 'test/simulation']) await transpile(folder, directory);
  const { main } = await import(pathToFileURL(join(directory, 'test/simulation/command-line.js')).href);
  process.exitCode = await main(process.argv.slice(2), (text) => process.stdout.write(text));
} finally {
  await rm(directory, { recursive: true, force: true });
}
