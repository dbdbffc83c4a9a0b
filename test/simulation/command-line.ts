import { parseArgs } from 'node:util';

import { Simulation } from './simulation.js';
import type { Counts } from './world.js';

/** Steps of one simulation: enough for some lives of a broker, few enough that a failure can be read. */
export const DEFAULT_STEPS = 120;

const USAGE = `Simulates the broker on a faulty disk, with random users and crashes.

  npm run simulate -- --seed N       runs the simulation of seed N and logs each step
  npm run simulate -- --seeds N      runs N simulations with fresh seeds
  npm run simulate -- --minutes M    runs simulations with fresh seeds for M minutes

  --steps N   steps of each simulation (default ${DEFAULT_STEPS}); a seed tells another story with other steps
`;

interface Totals extends Counts {
  passed: number;
  failed: number;
}

/** @returns the exit code of the program */
export async function main(args: readonly string[], write: (text: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      minutes: { type: 'string' },
      steps: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const steps = Number(values.steps ?? DEFAULT_STEPS);
  const onRejection = (reason: unknown): void => write(`An unhandled rejection: ${String(reason)}\n`);
  process.on('unhandledRejection', onRejection);
  if (values.seed !== undefined) return replay(Number(values.seed), steps, write);
  if (values.seeds === undefined && values.minutes === undefined) {
    write(USAGE);
    return values.help === true ? 0 : 2;
  }
  const most = Number(values.seeds ?? Infinity);
  const endMs = values.minutes === undefined ? Infinity : performance.now() + Number(values.minutes) * 60_000;
  return runFresh(steps, (done) => done < most && performance.now() < endMs, write);
}

async function replay(seed: number, steps: number, write: (text: string) => void): Promise<number> {
  try {
    const counts = await Simulation.run({ seed, steps, log: (line) => write(`${line}\n`) });
    write(`seed ${seed} passed: ${describe(counts)}\n1 passed, 0 failed\n`);
    return 0;
  } catch (error) {
    write(`seed ${seed} failed:\n${textOf(error)}\n0 passed, 1 failed\n`);
    return 1;
  }
}

async function runFresh(
  steps: number,
  goesOn: (done: number) => boolean,
  write: (text: string) => void,
): Promise<number> {
  const firstSeed = Date.now() % 1_000_000_000;
  const totals: Totals = { passed: 0, failed: 0, ...noCounts() };
  let toldMs = performance.now();
  write(`seeds from ${firstSeed} on, ${steps} steps each\n`);
  for (let done = 0; goesOn(done); done++) {
    const seed = firstSeed + done;
    try {
      addTo(totals, await Simulation.run({ seed, steps }));
      totals.passed += 1;
    } catch (error) {
      totals.failed += 1;
      write(`seed ${seed} failed:\n${textOf(error)}\nStep by step: ${replayCommand(seed, steps)}\n`);
    }
    if (performance.now() - toldMs > 30_000) {
      toldMs = performance.now();
      write(`${done + 1} simulations, ${describe(totals)}\n`);
    }
  }
  write(`${describe(totals)}\n${totals.passed} passed, ${totals.failed} failed\n`);
  return totals.failed === 0 ? 0 : 1;
}

export function replayCommand(seed: number, steps: number): string {
  return `npm run simulate -- --seed ${seed}${steps === DEFAULT_STEPS ? '' : ` --steps ${steps}`}`;
}

function noCounts(): Counts {
  return { steps: 0, sends: 0, acknowledged: 0, deliveries: 0, crashes: 0, restarts: 0, expiredFiles: 0, checks: 0 };
}

function addTo(totals: Counts, counts: Counts): void {
  for (const name of Object.keys(counts) as (keyof Counts)[]) totals[name] += counts[name];
}

function describe({ steps, sends, acknowledged, deliveries, crashes, restarts, expiredFiles, checks }: Counts): string {
  return (
    `${steps} steps, ${sends} messages sent, ${acknowledged} acknowledged, ${deliveries} deliveries, ` +
    `${crashes} crashes, ${restarts} restarts, ${expiredFiles} expired log files, ${checks} stores checked`
  );
}

function textOf(error: unknown): string {
  const isViolation = error instanceof Error && error.constructor.name === 'Violation';
  return error instanceof Error ? (isViolation ? error.message : String(error.stack)) : String(error);
}
