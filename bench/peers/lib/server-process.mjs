import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { isAnswered } from './ports.mjs';

const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 30_000;

/** None of them may outlive us, however we end. */
const running = new Set();
process.on('exit', () => running.forEach((server) => server.kill()));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

/** A server that is a process of its own, with its output in a file of its directory. */
export class ServerProcess {
  #child;
  #logPath;
  #stopSignal;

  /**
   * @param {string} command
   * @param {string[]} args
   * @param {{ directory: string, stopSignal?: NodeJS.Signals, env?: NodeJS.ProcessEnv, uid?: number, gid?: number }} options
   */
  constructor(command, args, { directory, stopSignal = 'SIGTERM', ...options }) {
    this.#stopSignal = stopSignal;
    this.#logPath = join(directory, `${basename(command)}-${Math.random().toString(36).slice(2, 8)}.log`);
    const log = openSync(this.#logPath, 'w');
    // In a group of its own, so that what a start script started ends with it, and Ctrl+C is for us alone.
    this.#child = spawn(command, args, { ...options, cwd: directory, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    running.add(this);
    this.#child.once('exit', () => running.delete(this));
  }

  get hasEnded() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get log() {
    return readFileSync(this.#logPath, 'utf8');
  }

  /** @throws when the server ends before, or does not answer in time */
  async untilAnswers(port) {
    await this.until(() => isAnswered(port), `answer at port ${port}`);
  }

  /** @param {() => boolean | Promise<boolean>} isSo */
  async until(isSo, what) {
    const giveUpAtMs = performance.now() + START_TIMEOUT_MS;
    while (!(await isSo())) {
      if (this.hasEnded) throw new Error(`${this.#child.spawnfile} has ended:\n${this.log.slice(-4000)}`);
      if (performance.now() > giveUpAtMs) {
        throw new Error(`${this.#child.spawnfile} does not ${what}:\n${this.log.slice(-4000)}`);
      }
      await delay(50);
    }
  }

  async stop() {
    if (this.hasEnded || this.#child.pid === undefined) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(this.#stopSignal);
    const inTime = await Promise.race([ended.then(() => true), delay(STOP_TIMEOUT_MS, false, { ref: false })]);
    if (!inTime) this.kill();
    await ended;
  }

  /** Ends it, and what it started, at once. */
  kill() {
    if (!this.hasEnded && this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
  }
}

/**
 * Starts a server and waits until it is ready; when it does not become so, it is stopped.
 *
 * @param {(server: ServerProcess) => Promise<void>} untilReady
 */
export async function startServer(command, args, options, untilReady) {
  const server = new ServerProcess(command, args, options);
  try {
    await untilReady(server);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** Starts servers one after the other; when one of them fails, those before it are stopped. */
export async function startInTurn(...starts) {
  const servers = [];
  const stop = async () => {
    while (servers.length > 0) await servers.pop().stop();
  };
  try {
    for (const start of starts) servers.push(await start());
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
