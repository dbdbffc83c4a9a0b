import { defineError } from './rocket-error.js';

export class CliUsageError extends defineError<{ problem: string }>({
  code: 'CLI_USAGE',
  meaning: 'The command line of `nestjs-rocket` can not be understood.',
  remedy: 'See `nestjs-rocket --help`.',
  message: ({ problem }) => `${problem}.`,
}) {}

export class StoreMissingError extends defineError<{ path: string }>({
  code: 'STORE_MISSING',
  meaning: 'There is no store at the path that a command was given: no `commitlog` directory.',
  remedy: 'Give the directory of the store, the one that `store.path` names.',
  message: ({ path }) => `There is no store at "${path}".`,
}) {}

export class RepairRefusedError extends defineError<{ path: string; reason: string }>({
  code: 'REPAIR_REFUSED',
  meaning: 'A repair would lose more than it was allowed to. Nothing was changed.',
  remedy:
    'Look at the faults with `nestjs-rocket store verify`, then repeat the command with the option that is named.',
  message: ({ path, reason }) => `The store at "${path}" was not repaired: ${reason}.`,
}) {}
