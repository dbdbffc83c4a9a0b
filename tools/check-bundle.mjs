// Checks that dist, which is bundled, is what build is, module by module: the same exports under the same names, each of them once however it is imported, no optional package where it
// is not asked for, and source maps that lead to lib. usage: node tools/check-bundle.mjs   (after npm run build)
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports, bin, peerDependenciesMeta } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const files = Object.values(exports).flatMap((target) => target.default ?? []);
const optional = Object.keys(peerDependenciesMeta);

const firstOf = new Map();
for (const file of files) {
  const [bundled, compiled] = await Promise.all([load(file), load(compiledOf(file))]);
  deepStrictEqual(Object.keys(bundled), Object.keys(compiled), file);
  for (const [name, value] of Object.entries(bundled)) {
    strictEqual(typeof value, typeof compiled[name], `${file}: ${name}`);
    if (typeof value === 'function') strictEqual(value.name, compiled[name].name, `${file}: the name of ${name}`);
    else if (typeof value !== 'symbol') deepStrictEqual(plain(value), plain(compiled[name]), `${file}: ${name}`);
    if (firstOf.has(name)) ok(firstOf.get(name) === value, `${file}: ${name} is not the one of another entry`);
    firstOf.set(name, value);
  }
}
for (const file of [...files, ...Object.values(bin)]) {
  deepStrictEqual(wanted(packagesOf(file)), wanted(packagesOf(compiledOf(file))), file);
}
const maps = readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.js.map'),
);
for (const file of maps) {
  for (const source of JSON.parse(readFileSync(join(root, 'dist', file), 'utf8')).sources) {
    const path = resolve(root, 'dist', dirname(file), source);
    ok(path.startsWith(join(root, 'lib')) && existsSync(path), `dist/${file} leads to ${source}`);
  }
}
console.log(`${files.length} entries are as compiled, ${maps.length} source maps lead to lib`);

function load(file) {
  return import(pathToFileURL(join(root, file)).href);
}

function compiledOf(file) {
  return file.replace('./dist/', './build/');
}

/** Tables and enums; what is in them may be of classes, of which there are two here. */
function plain(value) {
  return JSON.parse(JSON.stringify(value));
}

/** The packages that are loaded with a file. */
function packagesOf(file) {
  const packages = new Set();
  const seen = new Set([resolve(root, file)]);
  for (const path of seen) {
    for (const { fileName } of ts.preProcessFile(readFileSync(path, 'utf8')).importedFiles) {
      if (fileName.startsWith('.')) seen.add(resolve(dirname(path), fileName));
      else packages.add(fileName);
    }
  }
  return packages;
}

/** Of these, the optional ones; and whether Nest is there at all. */
function wanted(packages) {
  const isOfNest = [...packages].some((name) => name.startsWith('@nestjs/'));
  return { optional: optional.filter((name) => packages.has(name)), isOfNest };
}
