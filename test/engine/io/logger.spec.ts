import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import { jest } from '@jest/globals';
import { ConsoleLogger, type LogLevel } from '../../../lib/engine/io/console-logger.js';
import { SilentLogger } from '../../../lib/engine/io/silent-logger.js';
import type { EngineLogger } from '../../../lib/engine/types/logger.js';

interface Written {
  readonly stdout: string;
  readonly stderr: string;
}

function written(level: LogLevel | undefined, log: (logger: EngineLogger) => void): Written {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const clock = { now: () => Date.UTC(2024, 0, 2, 3, 4, 5, 678) };
  log(new ConsoleLogger({ console: new Console({ stdout, stderr }), clock, ...(level && { level }) }));
  return { stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

function logAll(logger: EngineLogger): void {
  logger.debug('d');
  logger.log('l');
  logger.warn('w');
  logger.error('e');
}

describe('ConsoleLogger', () => {
  it('writes one line for each entry, with time and level, warnings and errors to stderr', () => {
    expect(written('debug', logAll)).toEqual({
      stdout: '2024-01-02T03:04:05.678Z DEBUG d\n2024-01-02T03:04:05.678Z LOG   l\n',
      stderr: '2024-01-02T03:04:05.678Z WARN  w\n2024-01-02T03:04:05.678Z ERROR e\n',
    });
  });

  it.each<[LogLevel | undefined, string]>([
    ['debug', 'dlwe'],
    [undefined, 'lwe'],
    ['log', 'lwe'],
    ['warn', 'we'],
    ['error', 'e'],
  ])('leaves out what is below level %s', (level, expected) => {
    const { stdout, stderr } = written(level, logAll);
    const lastLetters = (stdout + stderr).split('\n').map((line) => line.at(-1) ?? '');
    expect(lastLetters.join('')).toBe(expected);
  });

  it('keeps an entry on one line whatever is in it, and takes nothing in it for a format', () => {
    const { stderr } = written(undefined, (logger) => logger.error('100 %s\r\nforged', 'Error: x\n    at y\n    at z'));
    expect(stderr).toBe('2024-01-02T03:04:05.678Z ERROR 100 %s | forged | Error: x | at y | at z\n');
  });
});

describe('SilentLogger', () => {
  afterEach(() => jest.restoreAllMocks());

  it('writes nothing', () => {
    const writes = [process.stdout, process.stderr].map((stream) => jest.spyOn(stream, 'write'));
    const calls = (['debug', 'log', 'warn', 'error'] as const).map((level) => jest.spyOn(console, level));
    logAll(new SilentLogger());
    expect([...writes, ...calls].flatMap((spy) => spy.mock.calls)).toEqual([]);
  });
});
