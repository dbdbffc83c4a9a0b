import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

// Imports the library's own locker by its URL, takes the lock, says so, and holds it until it is killed.
const program = `
  const [moduleUrl, lockerName, path] = process.argv.slice(1);
  const { NodeFileSystem, OwnerFileLocker } = await import(moduleUrl);
  const fileLocker = lockerName === 'owner' ? new OwnerFileLocker() : undefined;
  const lock = await new NodeFileSystem(fileLocker && { fileLocker }).tryLock(path);
  process.stdout.write(lock === undefined ? 'refused' : 'locked');
  setInterval(() => {}, 1_000_000);
`;

/** Another process that has asked for a lock and, if it got it, holds it. */
export class LockHolder {
  readonly answer: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, answer: string) {
    this.#child = child;
    this.answer = answer;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  static async start(ioModuleUrl: string, locker: 'native' | 'owner', path: string): Promise<LockHolder> {
    const argumentsOfNode = ['--input-type=module', '-e', program, ioModuleUrl, locker, path];
    const child = spawn(process.execPath, argumentsOfNode, { stdio: ['ignore', 'pipe', 'inherit'] });
    const answer = await Promise.race([
      once(child.stdout, 'data').then(([chunk]) => String(chunk)),
      once(child, 'exit').then(([code]) => `exited with ${String(code)}`),
    ]);
    return new LockHolder(child, answer);
  }

  /** Ends the process without giving it a chance to clean up. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}
