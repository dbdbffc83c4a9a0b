import {
  Inject,
  Injectable,
  Module,
  type DynamicModule,
  type ModuleMetadata,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import type { Test as NestTest, TestingModuleBuilder } from '@nestjs/testing';
import { environmentReader, type ConfigReader } from '../rocket.config.js';
import { RocketDiscovery } from '../rocket.discovery.js';
import { RocketModule } from '../rocket.module.js';
import { resolveRocketOptions, type RocketModuleOptions } from '../rocket.options.js';
import { DEFAULT_STORE, ROCKET_MODULE_OPTIONS, ROCKET_RESOLVED_OPTIONS } from '../rocket.tokens.js';
import { RocketTestBench, type TestBenchOptions } from './rocket-test-bench.js';

/** What an app is tested on, and those options of `RocketModule.forRoot` that are not the broker's. */
export interface RocketTestingOptions extends TestBenchOptions {
  readonly producer?: RocketModuleOptions['producer'];
  readonly consumer?: RocketModuleOptions['consumer'];
  readonly pullConsumer?: RocketModuleOptions['pullConsumer'];
}

/** Closes the bench's broker after the app's listeners have been drained. */
@Injectable()
class BenchLifecycle implements OnApplicationShutdown {
  readonly #bench: RocketTestBench;

  constructor(@Inject(RocketTestBench) bench: RocketTestBench) {
    this.#bench = bench;
  }

  onApplicationShutdown(): Promise<void> {
    return this.#bench.close();
  }
}

@Module({})
class RocketTestBenchModule {
  static with(options: RocketTestingOptions): DynamicModule {
    const bench = {
      provide: RocketTestBench,
      useFactory: (discovery: DiscoveryService): RocketTestBench =>
        new RocketTestBench(options, () => options.consumer?.config ?? configOf(discovery)),
      inject: [DiscoveryService],
    };
    return {
      module: RocketTestBenchModule,
      global: true,
      imports: [DiscoveryModule],
      providers: [bench, BenchLifecycle],
      exports: [RocketTestBench],
    };
  }
}

/**
 * `RocketModule` for tests: the same engine on a disk in memory and a clock that the test moves. Get the {@link RocketTestBench} from the app.
 *
 * @example
 * ```ts
 * const app = await Test.createTestingModule({ imports: [RocketTestingModule.forRoot()], providers: [BillingListener] }).compile();
 * await app.init();
 * const rocket = app.get(RocketTestBench);
 * ```
 *
 * @publicApi
 */
@Module({})
export class RocketTestingModule {
  /** To import in place of `RocketModule`. */
  static forRoot(options: RocketTestingOptions = {}): DynamicModule {
    const bench = RocketTestBenchModule.with(options);
    const rocket = RocketModule.forRootAsync({
      imports: [bench],
      inject: [RocketTestBench],
      useFactory: (started: RocketTestBench) => moduleOptions(started, options),
    });
    return { module: RocketTestingModule, imports: [bench, rocket] };
  }

  /**
   * For an app whose modules import `RocketModule` themselves: their options are replaced.
   *
   * @param test the `Test` of `@nestjs/testing`
   * @param metadata as in `Test.createTestingModule`
   */
  static createTestingModule(
    test: typeof NestTest,
    metadata: ModuleMetadata,
    options: RocketTestingOptions = {},
  ): TestingModuleBuilder {
    const imports = [RocketTestBenchModule.with(options), ...(metadata.imports ?? [])];
    // Nest 11 goes on with the value of forRoot where a factory is to replace it, so the factory stands in place of what is made of that.
    return test
      .createTestingModule({ ...metadata, imports })
      .overrideProvider(ROCKET_MODULE_OPTIONS)
      .useValue({})
      .overrideProvider(ROCKET_RESOLVED_OPTIONS)
      .useFactory({
        factory: async (bench: RocketTestBench) => resolveRocketOptions(await moduleOptions(bench, options)),
        inject: [RocketTestBench],
      });
  }
}

/** As the app's listeners are read. */
function configOf(discovery: DiscoveryService): ConfigReader {
  return new RocketDiscovery(discovery, DEFAULT_STORE).configService() ?? environmentReader;
}

async function moduleOptions(bench: RocketTestBench, options: RocketTestingOptions): Promise<RocketModuleOptions> {
  await bench.start();
  const { producer, consumer, pullConsumer } = options;
  return { engine: bench.engine, converter: bench.converter, producer, consumer, pullConsumer };
}
