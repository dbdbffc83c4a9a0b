import { EventEmitter, once } from 'node:events';
import type { FileSystem } from '../../lib/index.js';

/** Holds back the syncs of all files that are opened from now on. */
export class SlowDisk {
  readonly #events = new EventEmitter().setMaxListeners(0);
  #isHeld = false;

  constructor(fileSystem: FileSystem) {
    const open = fileSystem.open.bind(fileSystem);
    fileSystem.open = async (path, mode) => {
      const file = await open(path, mode);
      const { writeAndSync } = file;
      const datasync = file.datasync.bind(file);
      const held = {
        datasync: async () => {
          await this.#pass();
          await datasync();
        },
        writeAndSync:
          writeAndSync &&
          (async (source: Uint8Array, position: number) => {
            await this.#pass();
            return writeAndSync(source, position);
          }),
      };
      return Object.assign(file, held);
    };
  }

  async #pass(): Promise<void> {
    if (this.#isHeld) await once(this.#events, 'let go');
  }

  hold(): void {
    this.#isHeld = true;
  }

  letGo(): void {
    this.#isHeld = false;
    this.#events.emit('let go');
  }
}
