import type { EngineLogger } from '../types/logger.js';
import { SystemClock } from './system-clock.js';

const severities = { debug: 0, log: 1, warn: 2, error: 3 } as const;

export type LogLevel = keyof typeof severities;

export interface ConsoleLoggerOptions {
  /** Lines below this level are left out. Default `log`. */
  readonly level?: LogLevel;
  /** Default: the process's console, which writes `warn` and `error` to stderr. */
  readonly console?: Pick<Console, LogLevel>;
  /** Gives the time of each line. Default: the system's. */
  readonly clock?: { now(): number };
}

/** For programs without Nest: each entry is one line, with time and level, whatever its text holds. */
export class ConsoleLogger implements EngineLogger {
  readonly #lowestSeverity: number;
  readonly #console: Pick<Console, LogLevel>;
  readonly #clock: { now(): number };

  constructor(options: ConsoleLoggerOptions = {}) {
    this.#lowestSeverity = severities[options.level ?? 'log'];
    this.#console = options.console ?? console;
    this.#clock = options.clock ?? new SystemClock();
  }

  debug(message: string): void {
    this.#write('debug', message);
  }

  log(message: string): void {
    this.#write('log', message);
  }

  warn(message: string): void {
    this.#write('warn', message);
  }

  error(message: string, stack?: string): void {
    this.#write('error', stack === undefined ? message : `${message}\n${stack}`);
  }

  #write(level: LogLevel, text: string): void {
    if (severities[level] < this.#lowestSeverity) return;
    const time = new Date(this.#clock.now()).toISOString();
    // An entry of several lines is hard to search, and text from outside could forge entries.
    const line = text.replaceAll(/\s*[\r\n]+\s*/g, ' | ');
    // By `%s`, because the console would take a percent sign in the first argument for a format.
    this.#console[level]('%s', `${time} ${level.toUpperCase().padEnd(5)} ${line}`);
  }
}
