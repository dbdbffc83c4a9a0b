import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** All but those that shape a text: what names and reasons hold comes from the store, and must not command the terminal. */
const CONTROL_CHARACTER = /[^\P{Cc}\n\t]/gu;

/** The text with its control characters written as JSON writes them, which leaves JSON what it is. */
export function harmless(text: string): string {
  return text.replace(CONTROL_CHARACTER, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Writes lines at the pace of the reader, so that a large dump does not gather in memory. */
export class LineOutput {
  readonly #stream: Writable;
  #isClosed = false;

  constructor(stream: Writable) {
    this.#stream = stream;
    // The reader has had enough, as `head` has.
    stream.on('error', () => (this.#isClosed = true));
  }

  /** True when nobody reads any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  async write(lines: readonly string[]): Promise<void> {
    if (this.#isClosed || lines.length === 0) return;
    if (this.#stream.write(`${harmless(lines.join('\n'))}\n`)) return;
    await Promise.race([once(this.#stream, 'drain'), once(this.#stream, 'close')]).catch(() => undefined);
  }
}

const BAR_CELLS = 30;
const REDRAW_MS = 100;

/** A bar on the terminal, drawn over itself; nothing where there is no terminal. */
export class ProgressBar {
  readonly #stream: NodeJS.WriteStream;
  readonly #what: string;
  #drawnMs = 0;

  constructor(stream: NodeJS.WriteStream, what: string) {
    this.#stream = stream;
    this.#what = what;
  }

  show(done: number, total: number): void {
    const nowMs = performance.now();
    if (!this.#stream.isTTY || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const cells = Math.round(share * BAR_CELLS);
    const bar = '#'.repeat(cells).padEnd(BAR_CELLS, '.');
    this.#stream.write(`\r${this.#what} [${bar}] ${String(Math.floor(share * 100)).padStart(3)} %`);
  }

  /** Takes the bar off the screen. */
  clear(): void {
    if (this.#stream.isTTY && this.#drawnMs > 0) this.#stream.write('\r\x1b[K');
  }
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Rows as columns of one width each, the first row as a heading. */
export function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, column) => Math.max(most[column] ?? 0, String(cell).length)),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        typeof cell === 'number' ? String(cell).padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
}
