import { posix } from 'node:path';
import ts from 'typescript';
import { placeOf, walk, type Source } from './source-files.js';

/** One import, in whatever form: static, type only, re-export, dynamic, `require`, or inside a type. */
export interface ImportArrow {
  readonly from: Source;
  /** `file:line` of the import. */
  readonly place: string;
  /** As written. Undefined when it is computed. */
  readonly specifier: string | undefined;
  /** Path of the imported file; undefined when a package or a module of Node is imported. */
  readonly target: string | undefined;
}

/** Which rooms there are, and what a room may import besides itself: rooms, or single files. */
export interface FloorPlan {
  readonly roomOf: (path: string) => string;
  readonly allowed: Readonly<Record<string, readonly string[]>>;
}

export function importArrows(sources: readonly Source[]): ImportArrow[] {
  return sources.flatMap((source) => {
    const arrows: ImportArrow[] = [];
    walk(source.tree, (node) => {
      const imported = importedModule(node);
      if (imported === undefined) return;
      const specifier = ts.isStringLiteralLike(imported) ? imported.text : undefined;
      const target = specifier?.startsWith('.') === true ? resolve(source.path, specifier) : undefined;
      arrows.push({ from: source, place: placeOf(source, node), specifier, target });
    });
    return arrows;
  });
}

/** Arrows that the plan does not have, that lead nowhere, or that can't be followed. */
export function forbiddenArrows(sources: readonly Source[], plan: FloorPlan): string[] {
  const paths = new Set(sources.map((source) => source.path));
  return importArrows(sources).flatMap(({ from, place, specifier, target }) => {
    if (specifier === undefined) return [`${place} imports a module whose name is computed`];
    if (target === undefined) return [];
    if (!paths.has(target)) return [`${place} imports "${specifier}", which is no file of the library`];
    const fromRoom = plan.roomOf(from.path);
    const allowed = plan.allowed[fromRoom];
    if (allowed === undefined) return [`${from.path} lies in ${fromRoom}, which is no room of the plan`];
    const toRoom = plan.roomOf(target);
    if (toRoom === fromRoom || allowed.includes(toRoom) || allowed.includes(target)) return [];
    return [`${place} goes from ${fromRoom} to ${target}`];
  });
}

/** Packages and modules of Node that a file may not import. */
export function forbiddenModules(
  sources: readonly Source[],
  isAllowed: (path: string, specifier: string) => boolean,
): string[] {
  return importArrows(sources).flatMap(({ from, place, specifier, target }) => {
    if (specifier === undefined || target !== undefined || isAllowed(from.path, specifier)) return [];
    return [`${place} imports "${specifier}"`];
  });
}

/** Each circle of imports once, as the files that it goes through. Imports of types alone count, too. */
export function importCircles(sources: readonly Source[]): string[] {
  const targets = new Map<string, Set<string>>(sources.map((source) => [source.path, new Set()]));
  for (const { from, target } of importArrows(sources)) {
    if (target !== undefined && targets.has(target)) targets.get(from.path)?.add(target);
  }
  const circles: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start !== -1) circles.push([...trail.slice(start), path].join(' -> '));
    if (start !== -1 || done.has(path)) return;
    trail.push(path);
    for (const target of targets.get(path) ?? []) visit(target);
    trail.pop();
    done.add(path);
  };
  for (const path of targets.keys()) visit(path);
  return circles;
}

/** What stands for the module's name in a node that imports one. */
function importedModule(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  if (!ts.isCallExpression(node)) return undefined;
  const { expression } = node;
  const isImport = expression.kind === ts.SyntaxKind.ImportKeyword;
  const isRequire = ts.isIdentifier(expression) && expression.text === 'require';
  return isImport || isRequire ? (node.arguments[0] ?? node) : undefined;
}

function resolve(fromPath: string, specifier: string): string {
  return posix.join(posix.dirname(fromPath), specifier).replace(/\.js$/, '.ts');
}
