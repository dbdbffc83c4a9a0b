import ts from 'typescript';
import { placeOf, walk, type Source } from './source-files.js';

/** Globals through which time, chance, or the world outside gets in without being asked for. */
const forbiddenGlobals = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'console',
  'performance',
  'crypto',
  'fetch',
  // Ways around this list.
  'globalThis',
  'global',
  'eval',
]);

/** The same by property. `Date` and `Math` are otherwise plain arithmetic. */
const forbiddenMembers: Readonly<Record<string, ReadonlySet<string>>> = {
  Date: new Set(['now']),
  Math: new Set(['random']),
  process: new Set(['hrtime', 'nextTick', 'uptime', 'stdout', 'stderr', 'env']),
};

/** Uses of time, timers, chance and console that are not injected. */
export function ambientUses(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const found: string[] = [];
    walk(source.tree, (node) => {
      const use = ts.isIdentifier(node) && isValue(node) ? ambientUse(node) : undefined;
      if (use !== undefined) found.push(`${placeOf(source, node)} uses ${use}`);
    });
    return found;
  });
}

function ambientUse(node: ts.Identifier): string | undefined {
  const name = node.text;
  if (forbiddenGlobals.has(name)) return name;
  const members = forbiddenMembers[name];
  if (members === undefined) return undefined;
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.expression === node) {
    return members.has(parent.name.text) ? `${name}.${parent.name.text}` : undefined;
  }
  if (ts.isNewExpression(parent) && parent.expression === node) {
    // With an argument it only puts a given time into another form.
    return parent.arguments?.length ? undefined : `new ${name}()`;
  }
  // `value instanceof Date` asks for no time.
  if (ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword) return undefined;
  // Called as a function, taken apart, handed on: what becomes of it can't be seen.
  return `${name} as a value`;
}

/** Whether a name is looked up in scope, and is not a type, a member of something, or the name of a declaration. */
function isValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  if (ts.isVariableDeclaration(parent) || ts.isParameter(parent)) return parent.initializer === node;
  if (ts.isPropertyDeclaration(parent)) return parent.initializer === node;
  if (ts.isImportSpecifier(parent) || ts.isImportClause(parent) || ts.isNamespaceImport(parent)) return false;
  if (ts.isTypeQueryNode(parent) || ts.isTypeReferenceNode(parent) || ts.isQualifiedName(parent)) return false;
  if (ts.isTypeElement(parent) || ts.isClassElement(parent) || ts.isObjectLiteralElement(parent)) {
    // `{ console }` is short for a use.
    return ts.isShorthandPropertyAssignment(parent);
  }
  return true;
}
