// The tables of docs/options.md: names and meanings from the docstrings of the option types, defaults from the resolved options of the code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const ROOT = new URL('..', import.meta.url).pathname;

const TABLES = [
  {
    title: 'RocketModule.forRoot',
    file: 'lib/rocket.options.ts',
    type: 'RocketModuleOptions',
    prefix: '',
    intro:
      'Every option has a default. Those of the embedded broker, in the next tables, stand beside these. One that is misspelt or impossible keeps the app from starting.',
  },
  { title: 'producer', file: 'lib/rocket.options.ts', type: 'ProducerOptions', prefix: 'producer.' },
  { title: 'consumer', file: 'lib/rocket.options.ts', type: 'ConsumerOptions', prefix: 'consumer.' },
  {
    title: 'pullConsumer, and createPullConsumer',
    file: 'lib/engine/types/pull.ts',
    type: 'PullConsumerOptions',
    prefix: 'pull.',
  },
  { title: 'pullConsumer alone', file: 'lib/rocket.pull-options.ts', type: 'TemplatePullOptions', prefix: 'pull.' },
  { title: 'The broker', file: 'lib/engine/broker-options.ts', type: 'BrokerOptions', prefix: '' },
  { title: 'store', file: 'lib/engine/broker-options.ts', type: 'StoreLocationOptions', prefix: 'store.' },
  {
    title: 'transaction',
    file: 'lib/engine/transaction/transaction-options.ts',
    type: 'TransactionOptions',
    prefix: 'transaction.',
  },
  {
    title: '@MessageListener',
    file: 'lib/decorators/message-listener.decorator.ts',
    type: 'MessageListenerOptions',
    prefix: 'listener.',
    intro: '`topic` and `consumerGroup` are required. A value that is wrong keeps the app from starting.',
  },
  {
    title: '@TransactionListener',
    file: 'lib/decorators/transaction-listener.decorator.ts',
    type: 'TransactionListenerOptions',
    prefix: 'transactionListener.',
    intro: 'None is required: without options it is the listener of all transactions that no other one is bound to.',
  },
];

/** These options are not among those of the module. */
const OWN_NAMES = new Set(['listener.', 'pull.', 'transactionListener.']);

/** What stands in the tables: the module's options with all defaults, and those of a listener. */
export function defaults({ broker, ...own }, listener) {
  const { type, expression } = listener.selector;
  const required = { topic: undefined, consumerGroup: undefined, id: undefined };
  return {
    ...broker,
    ...own,
    listener: { ...listener, ...required, selectorType: type, selectorExpression: expression },
  };
}

/** @param resolved the module's options with all defaults, and those of a listener as `listener` */
export function optionTables(resolved) {
  return TABLES.map(({ title, file, type, prefix, intro }) => {
    const rows = propertiesOf(file, type).map(({ name, text }) => {
      const path = prefix + name;
      return { path, shown: OWN_NAMES.has(prefix) ? name : path, value: valueOf(resolved, path), text };
    });
    // What only groups other options has a table of its own.
    return { title, intro, rows: rows.filter(({ text, value }) => text !== '' || typeof value !== 'object') };
  });
}

export function optionDocument(resolved) {
  const sections = optionTables(resolved).map(({ title, intro, rows }) => {
    const lines = rows.map(({ shown, value, text }) => `| \`${shown}\` | ${cell(value)} | ${text} |`);
    return [
      `## ${title}`,
      ...(intro === undefined ? [] : ['', intro]),
      '',
      '| Option | Default | |',
      '|---|---|---|',
      ...lines,
    ].join('\n');
  });
  return `# Options

Made from the docstrings and the defaults of the code (\`npm run docs:options\`), and checked against them.

${sections.join('\n\n')}
`;
}

function propertiesOf(file, type) {
  const source = ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const declaration = source.statements.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === type);
  return declaration.members.filter(ts.isPropertySignature).map((member) => ({
    name: member.name.getText(source),
    text: textOf(member),
  }));
}

function textOf(member) {
  const [comment] = ts.getJSDocCommentsAndTags(member);
  return (ts.getTextOfJSDocComment(comment?.comment) ?? '')
    .replaceAll(/\{@link (\w+)\}/g, '`$1`')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('|', '\\|')
    .trim();
}

/** Where the resolved options are grouped otherwise than the given ones, the name is enough: it is there once. */
function valueOf(resolved, path) {
  const direct = path.split('.').reduce((value, name) => value?.[name], resolved);
  if (direct !== undefined || /^(transactionL|l)istener\./.test(path)) return direct;
  const name = path.split('.').at(-1);
  return Object.values(resolved).find((value) => typeof value === 'object' && value !== null && name in value)?.[name];
}

function cell(value) {
  if (typeof value === 'number') return sized(value);
  if (typeof value === 'string') return value === '' ? "`''`" : `\`${value}\``;
  return typeof value === 'boolean' ? String(value) : '';
}

const UNITS = [
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
];

function sized(value) {
  const [size, unit] = UNITS.find(([each]) => value >= each && value % each === 0) ?? [1];
  return (value / size).toLocaleString('en-US') + (unit === undefined ? '' : ` ${unit}`);
}
