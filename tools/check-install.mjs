// Packs the library, installs it into new apps as a user would, and runs the programs of README.md and docs/engine.md there.
// usage: node tools/check-install.mjs
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const work = mkdtempSync(join(tmpdir(), 'rocket-install-'));
const checks = [];
const running = new Map();

try {
  const tarball = pack();
  await check('a user gets the library, its documents and nothing else', () => checkContent(tarball));
  const nodes = nodeVersions();
  for (const nest of ['12', '11']) {
    const app = newApp(`nest-${nest}`, tarball, nest);
    await check(`the first program of README.md compiles in a new app of Nest ${nest}`, () => compileFirstProgram(app));
    for (const node of nodes) {
      await check(`and runs on Node ${node.version}`, () => runFirstProgram(app, node));
    }
    await check(`the optional entries work in a new app of Nest ${nest}`, () => runOptionalEntries(app, nest));
    if (nest === '12') await check('the program of docs/engine.md runs', () => runEngineProgram(app));
    const kind = nest === '12' ? 'an ES module' : 'CommonJS';
    await check(`"nest add" gives a new app of Nest ${nest} (${kind}) a listener`, () => makeAdded(tarball, nest));
    for (const node of nodes) {
      await check(`that runs on Node ${node.version}`, () => runAdded(nest, node));
    }
    if (nest === '11') await check('and its Jest runs a test as docs/testing.md says', () => runJest(nest));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
const failed = checks.filter((passed) => !passed).length;
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function check(promise, prove) {
  try {
    await prove();
    checks.push(true);
    console.log(`ok    ${promise}`);
  } catch (error) {
    checks.push(false);
    console.error(`FAIL  ${promise}\n${error.stack}`);
  } finally {
    // What a failed check left running would keep this process waiting for it.
    for (const child of running.keys()) child.kill('SIGKILL');
    await Promise.allSettled(running.values());
  }
}

function pack() {
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', work], { cwd: root, encoding: 'utf8' });
  const [{ filename, files }] = JSON.parse(output.slice(output.indexOf('[')));
  return { path: join(work, filename), files: files.map(({ path }) => path) };
}

function checkContent({ files }) {
  const foreign = files.filter(
    (path) => !/^(dist|docs)\/|^(README\.md|LICENSE|CHANGELOG\.md|package\.json)$/.test(path),
  );
  if (foreign.length > 0) throw new Error(`not for users: ${foreign.join(', ')}`);
  for (const needed of ['dist/index.js', 'dist/index.d.ts', 'dist/engine/index.js', 'LICENSE', 'README.md']) {
    if (!files.includes(needed)) throw new Error(`missing: ${needed}`);
  }
}

function newApp(name, tarball, nest) {
  const directory = join(work, name);
  execFileSync('mkdir', ['-p', directory]);
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }));
  const nestPackages = ['common', 'core', 'platform-express'].map((part) => `@nestjs/${part}@${nest}`);
  const packages = [
    tarball.path,
    ...nestPackages,
    'reflect-metadata',
    'rxjs',
    'class-transformer',
    'typescript@~6.0.3',
  ];
  npm(directory, 'install', ...packages, '@types/node@20');
  return directory;
}

function npm(directory, ...args) {
  execFileSync('npm', [...args, '--no-fund', '--no-audit', '--loglevel=error'], { cwd: directory, stdio: 'pipe' });
}

/** The first block of code in that language. */
function codeBlock(file, language) {
  const text = readFileSync(join(root, file), 'utf8');
  return text.split(`\`\`\`${language}\n`)[1].split('```')[0];
}

/** This one, and those of the other supported versions that the registry has for this platform. */
function nodeVersions() {
  const found = [{ version: process.versions.node, path: process.execPath }];
  const own = process.versions.node.split('.')[0];
  for (const major of ['20', '22', '24'].filter((each) => each !== own)) {
    const directory = join(work, `node-${major}`);
    const platform = `node-${process.platform}-${process.arch}`;
    try {
      execFileSync('mkdir', ['-p', directory]);
      npm(directory, 'install', '--prefix', directory, `${platform}@${major}`);
      const path = join(directory, 'node_modules', platform, 'bin/node');
      found.push({ version: execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim(), path });
    } catch (error) {
      console.log(`note  Node ${major} can not be had here: ${String(error.message).split('\n')[0]}`);
    }
  }
  return found;
}

function compileFirstProgram(directory) {
  const program = codeBlock('README.md', 'ts');
  const lines = program.trimEnd().split('\n').length;
  if (lines > 30) throw new Error(`it has ${lines} lines`);
  writeFileSync(join(directory, 'main.ts'), program.replace('3000', 'Number(process.env.PORT)'));
  const compilerOptions = {
    target: 'ES2022',
    module: 'NodeNext',
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    strict: true,
    skipLibCheck: false,
    rootDir: '.',
    types: ['node'],
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }));
  execFileSync('npx', ['tsc', '-p', '.'], { cwd: directory, stdio: 'pipe' });
}

async function runFirstProgram(directory, node) {
  const port = await freePort();
  const app = start(directory, 'main.js', { environment: { PORT: String(port) }, node });
  await app.printed('successfully started');
  await send(port);
  await app.printed('received 2333');
  app.process.kill('SIGTERM');
  await app.ended;
  if (existsSync(join(directory, 'rocket-store', 'abort'))) throw new Error('the store was not closed cleanly');
}

/** As `nest new`, `npm install nestjs-rocket` and `nest add nestjs-rocket` leave it, but for one line that sends. */
function makeAdded(tarball, nest) {
  const name = `added-${nest}`;
  const directory = join(work, name);
  const create = ['--yes', `@nestjs/cli@${nest}`, 'new', name, '--skip-git', '--skip-install', '--package-manager=npm'];
  execFileSync('npx', create, { cwd: work, stdio: ['ignore', 'pipe', 'pipe'] });
  npm(directory, 'install', tarball.path, 'class-transformer');
  execFileSync('npx', ['nest', 'add', 'nestjs-rocket', '--skip-install'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const main = join(directory, 'src/main.ts');
  const text = readFileSync(main, 'utf8').replace(
    /(await app\.listen\([^;]*;)/,
    "$1\n  await app.get(RocketTemplate).convertAndSend('hello', '2333');",
  );
  writeFileSync(main, `import { RocketTemplate } from 'nestjs-rocket';\n${text}`);
  execFileSync('npx', ['nest', 'build'], { cwd: directory, stdio: 'pipe' });
}

async function runAdded(nest, node) {
  const environment = { PORT: String(await freePort()) };
  const app = start(join(work, `added-${nest}`), 'dist/main.js', { environment, node });
  await app.printed('received 2333');
  app.process.kill('SIGTERM');
  await app.ended;
}

/** With the runner and the transform that `nest new` has set up. */
function runJest(nest) {
  const directory = join(work, `added-${nest}`);
  const manifestFile = join(directory, 'package.json');
  const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
  Object.assign(manifest.jest, JSON.parse(codeBlock('docs/testing.md', 'json')).jest);
  writeFileSync(manifestFile, JSON.stringify(manifest));
  const test = `
    import { Test } from '@nestjs/testing';
    import { RocketTemplate } from 'nestjs-rocket';
    import { RocketTestBench, RocketTestingModule } from 'nestjs-rocket/testing';
    import { AppModule } from './app.module';
    import { HelloListener } from './rocket/hello.listener';

    it('says hello', async () => {
      const app = await RocketTestingModule.createTestingModule(Test, { imports: [AppModule] }).compile();
      await app.init();
      await app.get(RocketTemplate).convertAndSend('hello', '2333');
      expect(await app.get(RocketTestBench).waitFor(HelloListener)).toHaveLength(1);
      await app.close();
    });`;
  writeFileSync(join(directory, 'src/hello.spec.ts'), test);
  execFileSync('npx', ['jest'], { cwd: directory, stdio: 'pipe', timeout: 60_000 });
}

/** After the first program: that one has to run without the optional packages. */
async function runOptionalEntries(directory, nest) {
  const nestPackages = ['microservices', 'terminus', 'testing'].map((part) => `@nestjs/${part}@${nest}`);
  npm(directory, 'install', ...nestPackages, 'prom-client@15', '@opentelemetry/api@1');
  writeFileSync(join(directory, 'optional.cjs'), readFileSync(join(root, 'tools/optional-entries.cjs')));
  const run = start(directory, 'optional.cjs');
  await run.printed('optional entries work');
  await run.ended;
  if (run.process.exitCode !== 0) throw new Error(`it ended with ${run.process.exitCode}: ${run.output()}`);
}

async function runEngineProgram(directory) {
  const program = codeBlock('docs/engine.md', 'js');
  const lines = program.trimEnd().split('\n').length;
  if (lines > 15) throw new Error(`it has ${lines} lines`);
  writeFileSync(join(directory, 'engine.mjs'), program.replace('./rocket-store', './engine-store'));
  const run = start(directory, 'engine.mjs');
  await run.printed('hello');
  await run.ended;
  if (run.process.exitCode !== 0) throw new Error(`it ended with ${run.process.exitCode}: ${run.output()}`);
}

function start(directory, file, { environment = {}, node = { path: process.execPath } } = {}) {
  const child = spawn(node.path, [file], { cwd: directory, env: { ...process.env, ...environment } });
  let output = '';
  const onOutput = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      for (const each of onOutput) each();
    });
  }
  const ended = once(child, 'exit').finally(() => running.delete(child));
  running.set(child, ended);
  const printed = (text) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`"${text}" was not printed in 20 s: ${output}`)), 20_000);
      const look = () => {
        if (!output.includes(text)) return;
        clearTimeout(timer);
        resolve();
      };
      onOutput.push(look);
      look();
      void ended.then(() => {
        clearTimeout(timer);
        look();
        reject(new Error(`it ended without printing "${text}": ${output}`));
      });
    });
  return { process: child, printed, ended, output: () => output };
}

/** Nest says that it has started just before it listens, so the first calls may find nobody. */
async function send(port) {
  const call = () =>
    fetch(`http://127.0.0.1:${port}/love`, { method: 'POST', body: new URLSearchParams({ text: '2333' }) });
  let answer;
  for (let tries = 0; answer === undefined; tries++) {
    answer = await call().catch(async (error) => {
      if (tries === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    });
  }
  if (answer.status !== 201) throw new Error(`POST /love answered ${answer.status}: ${await answer.text()}`);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
