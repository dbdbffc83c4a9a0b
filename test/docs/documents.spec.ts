import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ERROR_TABLE } from '../../lib/errors/index.js';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const documents = [
  'README.md',
  'CHANGELOG.md',
  'sample-app/README.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
].filter((path) => path.endsWith('.md') && existsSync(join(root, path)));

describe('the documents', () => {
  it('name every error in docs/errors.md as the code has it, and no other', () => {
    const stated = read('docs/errors.md')
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    expect(stated).toEqual(ERROR_TABLE.map(({ code, meaning, remedy }) => `| \`${code}\` | ${meaning} | ${remedy} |`));
  });

  it('have an error table without two errors of one code', () => {
    const codes = ERROR_TABLE.map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it.each(documents)('lead somewhere with every link of %s', (path) => {
    const links = [...read(path).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map((match) => match[1]!);
    const dead = links.filter((link) => !link.startsWith('http') && !existsSync(join(root, dirname(path), link)));
    expect(dead).toEqual([]);
  });

  it('have a first program of at most 30 lines, and an engine program of at most 15', () => {
    const lines = (path: string, language: string): number =>
      read(path).split(`\`\`\`${language}\n`)[1]!.split('```')[0]!.trimEnd().split('\n').length;
    expect(lines('README.md', 'ts')).toBeLessThanOrEqual(30);
    expect(lines('docs/engine.md', 'js')).toBeLessThanOrEqual(15);
  });

  it('show tests in docs/testing.md that run here, each in under 20 lines', () => {
    const shown = [...read('docs/testing.md').matchAll(/```ts\n(it\([\s\S]*?)```/g)].map((match) => match[1]!);
    const run = [
      ...read('test/testing/examples.spec.ts').matchAll(/\/\/ example: \w+\n([\s\S]*?)\/\/ end of example/g),
    ];
    expect(shown).toEqual(run.map((match) => match[1]!));
    for (const test of shown) expect(test.trimEnd().split('\n').length).toBeLessThan(20);
    expect(shown.length).toBe(2);
  });

  it('show the recipes that run here', () => {
    const run = [...read('test/recipes/recipes.spec.ts').matchAll(/\/\/ recipe: .*\n([\s\S]*?)\/\/ end of recipe/g)];
    expect(run.length).toBe(5);
    const text = read('docs/recipes.md');
    expect(run.map((match) => match[1]!).filter((code) => !text.includes(`\`\`\`ts\n${code}\`\`\``))).toEqual([]);
  });

  it('name every script of package.json that they tell to run', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const told = documents.flatMap((path) => [...read(path).matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1]!));
    expect(told.filter((name) => !(name in scripts))).toEqual([]);
  });
});
