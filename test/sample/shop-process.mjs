import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 30_000;

/** The built sample shop as a process of its own, that can be killed and started again. Its output goes to shop.log. */
export class ShopProcess {
  #main;
  #logPath;
  #settings;
  #child;
  #up;
  #port;
  #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  /** @param settings environment variables of the shop */
  constructor(main, directory, settings) {
    this.#main = main;
    this.#logPath = join(directory, 'shop.log');
    this.#settings = settings;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Resolves when the shop takes requests. */
  start() {
    this.#up = this.#start();
    return this.#up;
  }

  whenUp() {
    return this.#up;
  }

  /**
   * @param port where to take requests again; default: any that is free
   * @returns the time from the kill until the shop takes requests again, in milliseconds
   */
  async killAndRestart({ port = 0 } = {}) {
    const killedMs = Date.now();
    this.#up = this.#kill().then(() => this.#start(port));
    await this.#up;
    return Date.now() - killedMs;
  }

  /** As `docker stop` does it: SIGTERM, and SIGKILL for what does not end in time. */
  async stop() {
    this.#agent.destroy();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const tooLate = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(tooLate);
  }

  get(path) {
    return this.#request('GET', path);
  }

  post(path, body) {
    return this.#request('POST', path, JSON.stringify(body));
  }

  async #start(port = 0) {
    const logged = this.#log().length;
    const log = openSync(this.#logPath, 'a');
    this.#child = spawn(process.execPath, ['--enable-source-maps', this.#main], {
      env: { ...process.env, ...this.#settings, PORT: String(port), NO_COLOR: '1' },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const child = this.#child;
    for (const deadlineMs = Date.now() + START_TIMEOUT_MS; Date.now() < deadlineMs; await sleep(20)) {
      const found = /The shop listens on http:\/\/\S+:(\d+)/.exec(this.#log().slice(logged))?.[1];
      if (found !== undefined) {
        this.#port = Number(found);
        return;
      }
      if (child.exitCode !== null || child.signalCode !== null) break;
    }
    throw new Error(`The shop did not start:\n${this.#log().slice(logged)}`);
  }

  async #kill() {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #log() {
    try {
      return readFileSync(this.#logPath, 'utf8');
    } catch (error) {
      if (error.code === 'ENOENT') return '';
      throw error;
    }
  }

  /** Rejects with an error that has a code when the connection breaks. */
  #request(method, path, body) {
    return new Promise((resolve, reject) => {
      const headers =
        body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const target = {
        host: '127.0.0.1',
        port: this.#port,
        agent: this.#agent,
        method,
        path,
        headers,
        timeout: REQUEST_TIMEOUT_MS,
      };
      const sent = request(target, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode, body: text === '' ? undefined : JSON.parse(text) });
        });
      });
      sent.on('timeout', () =>
        sent.destroy(new Error(`${method} ${path} was not answered in ${REQUEST_TIMEOUT_MS} ms`)),
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
