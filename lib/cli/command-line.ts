import { RocketError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import { asUnusable } from '../engine/store/index.js';
import { parseCommand, USAGE, type Command } from './arguments.js';
import { dumpStore } from './dump.js';
import { inspectStore, summaryLines } from './inspect.js';
import { harmless, LineOutput, ProgressBar } from './output.js';
import { repairLines, repairStore } from './repair.js';
import { verificationLines, verifyStore } from './verify.js';

type CommandOf<Name extends Command['name']> = Extract<Command, { readonly name: Name }>;

/** Exit codes: 0 all is well; 1 there are faults, or something failed; 2 the command line can't be understood. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const output = new LineOutput(process.stdout);
  let command: Command | undefined;
  try {
    command = parseCommand(argv);
    return await run(command, output);
  } catch (thrown) {
    const error = command !== undefined && 'path' in command ? asUnusable(thrown, command.path) : thrown;
    if (!(error instanceof RocketError)) throw error;
    process.stderr.write(`${error.code}: ${harmless(messageOf(error))}\n`);
    return error.code === 'CLI_USAGE' ? 2 : 1;
  }
}

async function run(command: Command, output: LineOutput): Promise<number> {
  switch (command.name) {
    case 'help':
      await output.write([USAGE]);
      return 0;
    case 'inspect': {
      const summary = await inspectStore(command.path);
      await output.write(command.json ? [JSON.stringify(summary, null, 2)] : summaryLines(summary));
      return 0;
    }
    case 'dump':
      await dumpStore(command.path, command.filter, output);
      return 0;
    case 'verify':
      return verify(command, output);
    default:
      return repair(command, output);
  }
}

async function verify({ path, json, maxFaults }: CommandOf<'verify'>, output: LineOutput): Promise<number> {
  const bar = new ProgressBar(process.stderr, 'verifying');
  const verification = await verifyStore(path, { maxFaults, onProgress: (done, total) => bar.show(done, total) });
  bar.clear();
  await output.write(json ? [JSON.stringify(verification, null, 2)] : verificationLines(verification, path));
  return verification.faultCount === 0 ? 0 : 1;
}

async function repair({ path, options }: CommandOf<'repair'>, output: LineOutput): Promise<number> {
  const bar = new ProgressBar(process.stderr, 'reading');
  const result = await repairStore(path, { ...options, onProgress: (done, total) => bar.show(done, total) });
  bar.clear();
  await output.write(repairLines(result));
  return result.isDone ? 0 : 1;
}
