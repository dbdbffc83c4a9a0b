import { parseArgs, type ParseArgsConfig } from 'node:util';

import { CliUsageError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import type { DumpFilter } from './dump.js';
import type { RepairOptions } from './repair.js';

export const USAGE = `Usage: nestjs-rocket store <command> <directory> [options]

Commands
  inspect   What is in a store: topics, queues, offsets, groups, files.
              --json            as one JSON object
  verify    Reads every record, and holds queues and key index against the log. Exit code 1 and a line for each fault.
              --json            as one JSON object
              --max-faults <n>  lines at most (default 100; all are counted)
  dump      Records as JSON lines, in the order of the log.
              --topic <name>  --queue <id>  --tag <tag>  --key <word of KEYS, or msgId>
              --from <time>   --to <time>     store time: ISO 8601 or epoch milliseconds, both included
              --limit <n>
  repair    Makes queues and key index again from the log, and cuts off an end that is broken. Says what it would do; does it with --yes.
              --yes             do it
              --skip-corrupt    also step over broken parts in the middle: their messages are lost
            What is removed is kept in <directory>/broken.

inspect and dump change nothing, take no lock, and work beside an app that has the store open. verify changes nothing, and refuses a store that is open, as repair
does. All of them work on stores that a broker of Apache RocketMQ 5 wrote.`;

export type Command =
  | { readonly name: 'help' }
  | { readonly name: 'inspect'; readonly path: string; readonly json: boolean }
  | { readonly name: 'verify'; readonly path: string; readonly json: boolean; readonly maxFaults: number }
  | { readonly name: 'dump'; readonly path: string; readonly filter: DumpFilter }
  | { readonly name: 'repair'; readonly path: string; readonly options: Omit<RepairOptions, 'onProgress'> };

type OptionTypes = NonNullable<ParseArgsConfig['options']>;

const OPTIONS = {
  inspect: { json: { type: 'boolean' } },
  verify: { json: { type: 'boolean' }, 'max-faults': { type: 'string' } },
  dump: {
    topic: { type: 'string' },
    queue: { type: 'string' },
    tag: { type: 'string' },
    key: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    limit: { type: 'string' },
  },
  repair: { yes: { type: 'boolean' }, 'skip-corrupt': { type: 'boolean' } },
} as const satisfies Record<string, OptionTypes>;

/** @throws CliUsageError */
export function parseCommand(argv: readonly string[]): Command {
  const [area, name, ...rest] = argv;
  if (area === undefined || argv.includes('--help') || argv.includes('-h') || area === 'help') return { name: 'help' };
  if (area !== 'store') throw new CliUsageError({ problem: `There is no command "${area}"; there is "store"` });
  if (name === undefined || !Object.hasOwn(OPTIONS, name)) {
    const commands = Object.keys(OPTIONS).join(', ');
    throw new CliUsageError({
      problem: `"store" needs one of ${commands}${name === undefined ? '' : `, not "${name}"`}`,
    });
  }
  const { values, positionals } = parse(rest, OPTIONS[name as keyof typeof OPTIONS]);
  const [path, ...others] = positionals;
  if (path === undefined) throw new CliUsageError({ problem: `"store ${name}" needs the directory of a store` });
  if (others.length > 0)
    throw new CliUsageError({ problem: `"store ${name}" takes one directory, not also "${others[0]}"` });
  return COMMANDS[name as keyof typeof OPTIONS](withoutTrailingSlash(path), values);
}

const COMMANDS: Readonly<Record<keyof typeof OPTIONS, (path: string, values: Values) => Command>> = {
  inspect: (path, values) => ({ name: 'inspect', path, json: values['json'] === true }),
  verify: (path, values) => ({
    name: 'verify',
    path,
    json: values['json'] === true,
    maxFaults: integer('max-faults', values) ?? 100,
  }),
  dump: (path, values) => ({
    name: 'dump',
    path,
    filter: {
      topic: text('topic', values),
      queueId: integer('queue', values),
      tag: text('tag', values),
      key: text('key', values),
      fromMs: time('from', values),
      toMs: time('to', values),
      limit: integer('limit', values),
    },
  }),
  repair: (path, values) => ({
    name: 'repair',
    path,
    options: { yes: values['yes'] === true, skipCorrupt: values['skip-corrupt'] === true },
  }),
};

type Values = Readonly<Record<string, unknown>>;

function parse(args: readonly string[], options: OptionTypes): { values: Values; positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new CliUsageError({ problem: messageOf(error).replace(/\.$/, '') }, error);
  }
}

function text(option: string, values: Values): string | undefined {
  const value = values[option];
  return typeof value === 'string' ? value : undefined;
}

function integer(option: string, values: Values): number | undefined {
  const value = text(option, values);
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  throw new CliUsageError({ problem: `--${option} is a whole number, not "${value}"` });
}

function time(option: string, values: Values): number | undefined {
  const value = text(option, values);
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) : Date.parse(value);
  if (!Number.isNaN(ms)) return ms;
  throw new CliUsageError({
    problem: `--${option} is a time such as 2026-01-31T12:00:00Z or epoch milliseconds, not "${value}"`,
  });
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}
