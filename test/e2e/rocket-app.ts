import { join } from 'node:path';
import type { DynamicModule, LoggerService, Provider, Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  EmbeddedBroker,
  ManualClock,
  MemoryFileSystem,
  NodeFileSystem,
  ROCKET_ENGINE,
  RocketModule,
  RocketTemplate,
  SeededRandom,
  SilentLogger,
  type BrokerEnvironment,
  type FileSystem,
  type MessageExt,
  type RocketModuleOptions,
} from '../../lib/index.js';
import type { TemporaryDirectory } from '../support/temporary-directory.js';

/** Keeps log lines instead of printing them. */
export class LogLines implements LoggerService {
  readonly lines: string[] = [];

  log(message: unknown): void {
    this.#keep('log', message);
  }

  warn(message: unknown): void {
    this.#keep('warn', message);
  }

  error(message: unknown): void {
    this.#keep('error', message);
  }

  debug(message: unknown): void {
    this.#keep('debug', message);
  }

  matching(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line));
  }

  #keep(level: string, message: unknown): void {
    this.lines.push(`${level}: ${String(message)}`);
  }
}

/** A Nest app in this process, and what a test wants of it. */
export interface RocketApp {
  readonly module: TestingModule;
  readonly template: RocketTemplate;
  readonly broker: EmbeddedBroker;
  readonly log: LogLines;
  close(): Promise<void>;
}

export interface AppParts {
  readonly options?: RocketModuleOptions;
  readonly rocket?: DynamicModule;
  readonly providers?: readonly Provider[];
  readonly controllers?: readonly Type[];
  readonly imports?: readonly (Type | DynamicModule)[];
}

/** Makes an app without starting it. */
export async function compileApp(parts: AppParts): Promise<{ module: TestingModule; log: LogLines }> {
  const log = new LogLines();
  const rocket = parts.rocket ?? RocketModule.forRoot(parts.options ?? { store: { type: 'memory' } });
  const module = await Test.createTestingModule({
    imports: [rocket, ...(parts.imports ?? [])],
    providers: [...(parts.providers ?? [])],
    controllers: [...(parts.controllers ?? [])],
  })
    .setLogger(log)
    .compile();
  return { module, log };
}

export async function startApp(parts: AppParts): Promise<RocketApp> {
  const { module, log } = await compileApp(parts);
  await module.init();
  return {
    module,
    log,
    template: module.get(RocketTemplate),
    broker: module.get<EmbeddedBroker>(ROCKET_ENGINE),
    close: () => module.close(),
  };
}

/** A world with a clock that only the test moves, and a disk that outlives the apps on it. */
export class ManualWorld {
  readonly clock = new ManualClock();
  readonly fileSystem: FileSystem;
  readonly #path: string;
  readonly #random = new SeededRandom(1);

  /** @param directory of a real disk; without one, the disk is in memory */
  constructor(directory?: TemporaryDirectory) {
    this.fileSystem = directory === undefined ? new MemoryFileSystem() : new NodeFileSystem();
    this.#path = directory === undefined ? '/store' : join(directory.path, 'store');
  }

  /** Where the store lies. */
  get place(): { readonly path: string } {
    return { path: this.#path };
  }

  get environment(): BrokerEnvironment {
    return { clock: this.clock, fileSystem: this.fileSystem, random: this.#random };
  }

  start(parts: AppParts): Promise<RocketApp> {
    return startApp({ ...parts, options: { store: this.place, environment: this.environment, ...parts.options } });
  }

  /** An engine that several apps share. */
  async openBroker(): Promise<EmbeddedBroker> {
    const environment = { ...this.environment, logger: new SilentLogger() };
    const broker = new EmbeddedBroker({ store: this.place }, environment);
    await broker.start();
    return broker;
  }

  /** Lets time pass; all that becomes due is handled before it goes on. */
  async pass(app: RocketApp, durationMs: number): Promise<void> {
    await this.clock.advance(durationMs, () => app.broker.whenIdle());
  }
}

export interface Delivery<T> {
  readonly payload: T;
  readonly message: MessageExt;
}

/** Remembers what a listener was given, and lets a test wait for it. */
export class Deliveries<T = unknown> {
  readonly all: Delivery<T>[] = [];
  #waiting: { readonly count: number; resolve(): void }[] = [];

  get payloads(): T[] {
    return this.all.map((delivery) => delivery.payload);
  }

  add(payload: T, message: MessageExt): void {
    this.all.push({ payload, message });
    const done = this.#waiting.filter((waiter) => waiter.count <= this.all.length);
    this.#waiting = this.#waiting.filter((waiter) => waiter.count > this.all.length);
    for (const waiter of done) waiter.resolve();
  }

  /** Resolves when there have been that many. The test's time limit is the limit of waiting. */
  reached(count: number): Promise<void> {
    if (this.all.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }
}

/** Consumers that join from now on leave their group, and their close rejects all the same. Returns a function that ends it. */
export function failClosesOfConsumers(broker: EmbeddedBroker): () => void {
  const subscribe = broker.subscribe.bind(broker);
  broker.subscribe = async (spec) => {
    const consumer = await subscribe(spec);
    const close = consumer.close.bind(consumer);
    consumer.close = async (closing) => {
      await close(closing);
      throw new Error('the disk is gone');
    };
    return consumer;
  };
  return () => {
    broker.subscribe = subscribe;
  };
}
