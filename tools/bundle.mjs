// Makes dist, which is published, of build, which the compiler wrote: one file for each entry of the package, and a few that entries share. Node needs far longer to find, read and
// link hundreds of small modules than to run them. Packages are not taken in. The declarations stay one for each module.
// usage: node tools/bundle.mjs   (a part of npm run build)
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, 'build');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
// What is no code: declarations, and the JSON of the schematics.
cpSync(build, dist, { recursive: true, filter: (file) => !/\.js(\.map)?$/.test(file) });

const bundle = await rolldown({
  input: Object.fromEntries(entries().map((name) => [name, join(build, `${name}.js`)])),
  external: (specifier, importer, isResolved) => importer !== undefined && !isResolved && !specifier.startsWith('.'),
  platform: 'node',
  plugins: [{ name: 'compiled', load: { filter: { id: /\.js$/ }, handler: compiled } }],
});
await bundle.write({
  dir: dist,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'shared/[name].js',
  codeSplitting: {
    // By room, so that the command line loads no broker, and the engine no Nest.
    groups: [
      { name: 'store', test: /[\\/]build[\\/](errors|engine[\\/](types|io|store))[\\/]/, priority: 3 },
      { name: 'engine', test: /[\\/]build[\\/]engine[\\/]/, priority: 2 },
      {
        name: 'nest',
        test: /[\\/]build[\\/](rocket\.[^\\/]*|(converter|decorators|events|execution|listener|template|transaction)[\\/].*)$/,
        priority: 1,
      },
    ],
  },
  // Functions that have another's name are renamed; what logs and errors call them is not.
  keepNames: true,
  // What they say stands in the declarations.
  comments: false,
  sourcemap: true,
  sourcemapExcludeSources: true,
});
await bundle.close();

/** The names of the files that package.json and the schematics lead to, as `engine/index`. */
function entries() {
  const { exports, bin, schematics } = readJson(join(root, 'package.json'));
  const targets = Object.values(exports).map((target) => target.default ?? target);
  const { schematics: generators } = readJson(join(root, schematics.replace('/dist/', '/build/')));
  const factories = Object.values(generators).map(
    ({ factory }) => `./dist/schematics/${factory.split('#')[0].slice(2)}`,
  );
  return [...targets, ...Object.values(bin), ...factories]
    .filter((path) => extname(path) === '.js')
    .map((path) => path.slice('./dist/'.length, -'.js'.length));
}

/** With the compiler's source map, so that the bundle's leads to lib. */
function compiled(id) {
  return { code: readFileSync(id, 'utf8'), map: readJson(`${id}.map`) };
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
