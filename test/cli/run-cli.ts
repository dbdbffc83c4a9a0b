import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { transpileLibrary } from '../support/transpiled-library.js';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line in a process of its own, as users run it. */
export class Cli {
  readonly #directory: TemporaryDirectory;

  private constructor(directory: TemporaryDirectory) {
    this.#directory = directory;
  }

  static async make(): Promise<Cli> {
    const directory = await temporaryDirectory();
    await transpileLibrary(directory.path, ['cli', 'engine', 'errors']);
    return new Cli(directory);
  }

  async store(...args: readonly string[]): Promise<CliResult> {
    return this.run('store', ...args);
  }

  async run(...args: readonly string[]): Promise<CliResult> {
    const child = spawn(process.execPath, [join(this.#directory.path, 'cli', 'main.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number]>,
    ]);
    return { code, stdout, stderr };
  }

  remove(): Promise<void> {
    return this.#directory.remove();
  }
}
