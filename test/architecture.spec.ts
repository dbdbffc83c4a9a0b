import { readFile } from 'node:fs/promises';
import { ambientUses } from './support/ambient-uses.js';
import { forbiddenArrows, forbiddenModules, importCircles, type FloorPlan } from './support/import-arrows.js';
import { parseSource, readSources, type Source } from './support/source-files.js';

const ENGINE_DOOR = 'lib/engine/index.ts';
/** Files of `lib` itself that put the rooms together. */
const WIRING = /^lib\/(index|rocket\.(module|providers|lifecycle)[^/]*)\.ts$/;
/** The other files of `lib` itself: tokens, constants, options, which the whole Nest side shares. */
const SHARED = 'lib/rocket.*';
const NEST_SIDE = [
  'lib/decorators',
  'lib/execution',
  'lib/listener',
  'lib/transaction',
  'lib/template',
  'lib/converter',
  'lib/events',
  'lib/health',
  'lib/instrument',
  'lib/microservices',
  'lib/testing',
];
const ENGINE_ROOMS = [
  'lib/engine/produce',
  'lib/engine/consume',
  'lib/engine/pull',
  'lib/engine/admin',
  'lib/engine/delivery',
  'lib/engine/transaction',
  'lib/engine/filter',
  'lib/engine/observe',
  'lib/engine/store',
  'lib/engine/io',
  'lib/engine/types',
];
const SERVICE_OF_BROKER = ['lib/engine/store', 'lib/engine/types', 'lib/errors'];

/** The house: which room may import from which. Whoever adds an arrow changes the design. */
const house: FloorPlan = {
  roomOf(path) {
    const [, ...folders] = path.split('/').slice(0, -1);
    if (folders.length === 0) return WIRING.test(path) ? 'lib' : SHARED;
    return ['lib', ...folders.slice(0, folders[0] === 'engine' ? 2 : 1)].join('/');
  },
  allowed: {
    lib: [...NEST_SIDE, SHARED, ENGINE_DOOR, 'lib/errors'],
    [SHARED]: ['lib/converter', ENGINE_DOOR, 'lib/errors'],
    'lib/decorators': ['lib/converter', SHARED, ENGINE_DOOR, 'lib/errors'],
    'lib/converter': [SHARED, ENGINE_DOOR, 'lib/errors'],
    'lib/execution': ['lib/converter', SHARED, ENGINE_DOOR, 'lib/errors'],
    'lib/listener': ['lib/converter', 'lib/decorators', 'lib/execution', SHARED, ENGINE_DOOR, 'lib/errors'],
    'lib/transaction': ['lib/converter', 'lib/decorators', SHARED, ENGINE_DOOR, 'lib/errors'],
    'lib/template': ['lib/converter', 'lib/decorators', 'lib/transaction', SHARED, ENGINE_DOOR, 'lib/errors'],
    'lib/events': [SHARED, ENGINE_DOOR, 'lib/errors'],
    'lib/health': [SHARED, ENGINE_DOOR, 'lib/errors'],
    'lib/instrument': [SHARED, ENGINE_DOOR, 'lib/errors'],
    'lib/microservices': ['lib/converter', 'lib/template', SHARED, ENGINE_DOOR, 'lib/errors'],
    // The command line looks into the files themselves, without a broker.
    'lib/cli': ['lib/engine/store', 'lib/engine/io', 'lib/engine/types', 'lib/errors'],
    'lib/testing': ['lib', ...NEST_SIDE, SHARED, ENGINE_DOOR, 'lib/errors'],
    'lib/schematics': [],
    'lib/engine': [...ENGINE_ROOMS, 'lib/errors'],
    'lib/engine/produce': SERVICE_OF_BROKER,
    'lib/engine/consume': SERVICE_OF_BROKER,
    'lib/engine/pull': SERVICE_OF_BROKER,
    'lib/engine/admin': SERVICE_OF_BROKER,
    'lib/engine/delivery': SERVICE_OF_BROKER,
    'lib/engine/transaction': SERVICE_OF_BROKER,
    'lib/engine/filter': SERVICE_OF_BROKER,
    'lib/engine/observe': ['lib/engine/types', 'lib/errors'],
    'lib/engine/store': ['lib/engine/types', 'lib/errors'],
    'lib/engine/io': ['lib/engine/types', 'lib/errors'],
    'lib/engine/types': ['lib/errors'],
    'lib/errors': [],
  },
};

/** Modules of Node whose part in the engine is played by what is injected (`node:crypto` is a source of chance). */
const INJECTED_MODULES =
  /^node:(fs|timers|perf_hooks|console|crypto|process|child_process|worker_threads|readline)(\/|$)/;

const isEngine = (path: string): boolean => path.startsWith('lib/engine/');
const isInjectedPart = (path: string): boolean => isEngine(path) && !path.startsWith('lib/engine/io/');

/** The engine stands on Node alone, so that it works without Nest; io has one optional native package. */
function isModuleAllowed(path: string, specifier: string): boolean {
  if (specifier.startsWith('node:')) return !isInjectedPart(path) || !INJECTED_MODULES.test(specifier);
  if (path.startsWith('lib/engine/io/')) return specifier === 'fs-native-extensions';
  return !isEngine(path) && !path.startsWith('lib/errors/');
}

// Written so that this line is not a finding of its own.
const MARKER = /\b(T[O]DO|F[I]XME|X[X]X)\b/;

function markers(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (MARKER.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
  );
}

async function packagesOfUsers(): Promise<Set<string>> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
  const kinds = ['dependencies', 'peerDependencies', 'optionalDependencies'];
  return new Set(kinds.flatMap((kind) => Object.keys(manifest[kind] ?? {})));
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

describe('the library', () => {
  let library: Source[];

  beforeAll(async () => {
    library = await readSources('lib');
  });

  it('is what is looked at', () => {
    const paths = library.map((source) => source.path);
    expect(paths).toEqual(expect.arrayContaining(['lib/engine/types/engine.ts', 'lib/errors/index.ts']));
  });

  it('imports only along the arrows of the plan', () => {
    expect(forbiddenArrows(library, house)).toEqual([]);
  });

  it('has no circles of imports', () => {
    expect(importCircles(library)).toEqual([]);
  });

  it('has an engine that stands on Node alone, with files, timers and processes injected', () => {
    expect(forbiddenModules(library, isModuleAllowed)).toEqual([]);
  });

  it('imports only packages that its users get or bring', async () => {
    const packages = await packagesOfUsers();
    const isThere = (_path: string, specifier: string): boolean =>
      specifier.startsWith('node:') || packages.has(packageOf(specifier));
    expect(forbiddenModules(library, isThere)).toEqual([]);
  });

  it('has an engine that takes time and chance from what is injected', () => {
    expect(ambientUses(library.filter((source) => isInjectedPart(source.path)))).toEqual([]);
  });

  it('and all that belongs to it has no marks of unfinished work', async () => {
    const others = await Promise.all(['test', 'sample-app', 'bench'].map(readSources));
    expect(markers([...library, ...others.flat()])).toEqual([]);
  });
});

/** Sources that import each other as given. */
function sourcesWithArrows(...arrows: [from: string, to: string][]): Source[] {
  const paths = [...new Set(arrows.flat())];
  return paths.map((path) => {
    const up = '../'.repeat(path.split('/').length - 1);
    const targets = arrows.filter(([from]) => from === path).map(([, to]) => `${up}${to.replace(/\.ts$/, '.js')}`);
    return parseSource(path, targets.map((target) => `import '${target}';`).join('\n'));
  });
}

// A check that finds nothing may be a check that can't. These show each of them a case that it must find.
describe('the checks', () => {
  it.each<[string, string]>([
    ['lib/engine/store/commit-log.ts', 'lib/engine/consume/puller.ts'],
    ['lib/engine/consume/puller.ts', 'lib/engine/delivery/retry.ts'],
    ['lib/engine/consume/puller.ts', 'lib/engine/io/system-clock.ts'],
    ['lib/engine/filter/sql92/parser.ts', 'lib/engine/consume/puller.ts'],
    ['lib/engine/io/memory-file-system.ts', 'lib/engine/store/commit-log.ts'],
    ['lib/engine/types/store.ts', 'lib/engine/store/commit-log.ts'],
    ['lib/engine/types/store.ts', ENGINE_DOOR],
    ['lib/engine/store/commit-log.ts', 'lib/rocket.tokens.ts'],
    ['lib/engine/broker.ts', 'lib/template/rocket-template.ts'],
    ['lib/errors/store.errors.ts', 'lib/engine/types/store.ts'],
    ['lib/template/rocket-template.ts', 'lib/engine/types/engine.ts'],
    ['lib/template/rocket-template.ts', 'lib/engine/broker.ts'],
    ['lib/template/rocket-template.ts', 'lib/rocket.module.ts'],
    ['lib/listener/listener.container.ts', 'lib/rocket.lifecycle.ts'],
    ['lib/transaction/registry.ts', 'lib/template/rocket-template.ts'],
    ['lib/rocket.tokens.ts', 'lib/template/rocket-template.ts'],
    ['lib/rocket.module.ts', 'lib/engine/store/commit-log.ts'],
    ['lib/index.ts', 'lib/engine/types/engine.ts'],
    ['lib/newroom/file.ts', 'lib/errors/index.ts'],
    ['lib/engine/newroom/file.ts', 'lib/errors/index.ts'],
  ])('find the arrow from %s to %s', (from, to) => {
    expect(forbiddenArrows(sourcesWithArrows([from, to]), house)).toHaveLength(1);
  });

  it.each<[string, string]>([
    ['lib/engine/consume/puller.ts', 'lib/engine/store/commit-log.ts'],
    ['lib/engine/store/commit-log.ts', 'lib/engine/types/store.ts'],
    ['lib/engine/filter/sql92/parser.ts', 'lib/engine/filter/filter-limits.ts'],
    ['lib/engine/broker.ts', 'lib/engine/io/index.ts'],
    ['lib/template/rocket-template.ts', ENGINE_DOOR],
    ['lib/rocket.module.ts', 'lib/template/rocket-template.ts'],
  ])('let the arrow from %s to %s be', (from, to) => {
    expect(forbiddenArrows(sourcesWithArrows([from, to]), house)).toEqual([]);
  });

  it.each([
    `import { a } from '../consume/puller.js';`,
    `import type { A } from '../consume/puller.js';`,
    `import '../consume/puller.js';`,
    `export * from '../consume/puller.js';`,
    `export { a } from '../consume/puller.js';`,
    `const a = await import('../consume/puller.js');`,
    `let a: import('../consume/puller.js').A;`,
    `import a = require('../consume/puller.js');`,
    `const a = require('../consume/puller.js');`,
  ])('see an import of the form %s', (text) => {
    const sources = [parseSource('lib/engine/store/a.ts', text), parseSource('lib/engine/consume/puller.ts', '')];
    expect(forbiddenArrows(sources, house)).toEqual([
      'lib/engine/store/a.ts:1 goes from lib/engine/store to lib/engine/consume/puller.ts',
    ]);
  });

  it('see no import in comments and texts', () => {
    const text = `// import '../consume/puller.js'\nconst a = "import '../consume/puller.js'";`;
    expect(forbiddenArrows([parseSource('lib/engine/store/a.ts', text)], house)).toEqual([]);
  });

  it('find an import that leads nowhere, or whose target is computed', () => {
    const text = `import './missing.js';\nawait import(name);`;
    expect(forbiddenArrows([parseSource('lib/engine/store/a.ts', text)], house)).toEqual([
      'lib/engine/store/a.ts:1 imports "./missing.js", which is no file of the library',
      'lib/engine/store/a.ts:2 imports a module whose name is computed',
    ]);
  });

  it('find circles, of any length, and only those', () => {
    const [a, b, c, d] = ['lib/errors/a.ts', 'lib/errors/b.ts', 'lib/errors/c.ts', 'lib/errors/d.ts'] as const;
    expect(importCircles(sourcesWithArrows([a, b], [a, c], [b, d], [c, d]))).toEqual([]);
    expect(importCircles(sourcesWithArrows([a, b], [b, c], [c, b], [c, d]))).toEqual([`${b} -> ${c} -> ${b}`]);
    expect(importCircles(sourcesWithArrows([a, a]))).toEqual([`${a} -> ${a}`]);
    expect(importCircles(sourcesWithArrows([d, a], [a, b], [b, c], [c, d]))).toHaveLength(1);
  });

  it.each([
    ['lib/engine/store/a.ts', '@nestjs/common'],
    ['lib/engine/broker.ts', 'reflect-metadata'],
    ['lib/engine/types/a.ts', 'rxjs'],
    ['lib/engine/io/a.ts', 'class-transformer'],
    ['lib/engine/store/a.ts', 'fs'],
    ['lib/engine/store/a.ts', 'node:fs'],
    ['lib/engine/store/a.ts', 'node:fs/promises'],
    ['lib/engine/consume/a.ts', 'node:timers/promises'],
    ['lib/engine/broker.ts', 'node:perf_hooks'],
    ['lib/engine/produce/a.ts', 'node:crypto'],
    ['lib/engine/store/a.ts', 'fs-native-extensions'],
    ['lib/errors/a.ts', '@nestjs/common'],
  ])('find in %s the import of %s', (path, specifier) => {
    const source = parseSource(path, `import '${specifier}';`);
    expect(forbiddenModules([source], isModuleAllowed)).toEqual([`${path}:1 imports "${specifier}"`]);
  });

  it.each([
    ['lib/engine/io/a.ts', 'node:fs'],
    ['lib/engine/io/a.ts', 'fs-native-extensions'],
    ['lib/engine/store/a.ts', 'node:zlib'],
    ['lib/template/a.ts', '@nestjs/common'],
  ])('let in %s the import of %s be', (path, specifier) => {
    expect(forbiddenModules([parseSource(path, `import '${specifier}';`)], isModuleAllowed)).toEqual([]);
  });

  it.each([
    ['Date.now()', 'Date.now'],
    ['new Date()', 'new Date()'],
    ['new Date', 'new Date()'],
    ['Date()', 'Date as a value'],
    ['const { now } = Date', 'Date as a value'],
    ['Math.random()', 'Math.random'],
    ['const f = Math.random', 'Math.random'],
    ['setTimeout(f, 1)', 'setTimeout'],
    ['setInterval(f, 1)', 'setInterval'],
    ['setImmediate(f)', 'setImmediate'],
    ['const o = { later: setImmediate }', 'setImmediate'],
    ['const o = { setImmediate }', 'setImmediate'],
    ['function f(now = performance.now) {}', 'performance'],
    ['class A { #now = performance.now }', 'performance'],
    ['performance.now()', 'performance'],
    ['process.hrtime.bigint()', 'process.hrtime'],
    ['process.nextTick(f)', 'process.nextTick'],
    ["process['hrtime']()", 'process as a value'],
    ['globalThis.setTimeout(f, 1)', 'globalThis'],
    ["console.log('x')", 'console'],
    ['crypto.randomUUID()', 'crypto'],
  ])('find %s', (text, use) => {
    expect(ambientUses([parseSource('lib/engine/store/a.ts', text)])).toEqual([`lib/engine/store/a.ts:1 uses ${use}`]);
  });

  it.each([
    'new Date(timeMs).toISOString()',
    'Date.UTC(2024, 0)',
    'function f(value: Date): boolean { return value instanceof Date }',
    'Math.floor(1.5)',
    'process.pid',
    'this.#clock.setTimeout(1)',
    'interface A { performance: number; setTimeout(): void }',
    'class A { console = 1; setInterval() {} }',
    "// Date.now()\nconst text = 'setTimeout(f)'",
  ])('let %s be', (text) => {
    expect(ambientUses([parseSource('lib/engine/store/a.ts', text)])).toEqual([]);
  });

  it('find marks of unfinished work, and not the name of a topic', () => {
    const text = '// T-O-D-O later\n// F-I-X-M-E: later\n// X-X-X later'.replaceAll('-', '');
    expect(markers([parseSource('lib/a.ts', text)])).toHaveLength(3);
    expect(markers([parseSource('lib/a.ts', `const topic = 'SCHEDULE_TOPIC_XXXX';`)])).toEqual([]);
  });
});
