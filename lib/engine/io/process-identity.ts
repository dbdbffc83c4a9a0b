import { readFile } from 'node:fs/promises';
import { errorCode } from './file-system-error.js';

/** Names one process, also after its id has been given to another. What the platform does not tell is undefined. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Changes with each start of the machine. */
  readonly bootId: string | undefined;
  /** When the process started, in the kernel's own unit; only equality means anything. */
  readonly startTime: string | undefined;
}

export async function identifyThisProcess(): Promise<ProcessIdentity> {
  const stat = await readProcStat(process.pid);
  return { pid: process.pid, bootId: await readBootId(), startTime: stat?.startTime };
}

/** Whether that very process still runs. True when it can't be known: a lock that is wrongly kept does less harm than one wrongly taken. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  const bootId = await readBootId();
  if (identity.bootId !== undefined && bootId !== undefined && identity.bootId !== bootId) return false;
  const stat = await readProcStat(identity.pid);
  if (stat === undefined) return answersToSignals(identity.pid);
  // A zombie has ended and only waits for its parent to ask how.
  if (stat.state === 'Z' || stat.state === 'X') return false;
  return identity.startTime === undefined || identity.startTime === stat.startTime;
}

async function readBootId(): Promise<string | undefined> {
  return (await readIfThere('/proc/sys/kernel/random/boot_id'))?.trim();
}

/** Fields of `/proc/<pid>/stat` (proc(5)): 3 is the state, 22 the start time. */
async function readProcStat(pid: number): Promise<{ state: string; startTime: string } | undefined> {
  const text = await readIfThere(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // Field 2 is the program's name in parentheses, and may hold blanks and parentheses itself.
  const fromField3 = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fromField3[0];
  const startTime = fromField3[22 - 3];
  return state === undefined || startTime === undefined ? undefined : { state, startTime };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

function answersToSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and belongs to somebody else.
    return errorCode(error) !== 'ESRCH';
  }
}
