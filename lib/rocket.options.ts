import { DefaultMessageConverter, type MessageConverter } from './converter/index.js';
import {
  resolveBrokerOptions,
  type BrokerEnvironment,
  type BrokerOptions,
  type MessageEngine,
  type MessageQueueSelector,
  type ResolvedBrokerOptions,
  type StoreLocationOptions,
} from './engine/index.js';
import { InvalidOptionError, UnknownOptionError } from './errors/index.js';
import { DEFAULT_PRODUCER_GROUP } from './rocket.constants.js';
import type { ConfigReader } from './rocket.config.js';
import type { ContextCarrier } from './rocket.context-carrier.js';
import type { EngineInstrumentation } from './rocket.instrumentation.js';
import { producerGroupRule } from './rocket.names.js';
import {
  aBoolean,
  aFunction,
  anObject,
  checkOptions,
  integer,
  nearestName,
  type OptionRefusal,
  type OptionRule,
  type OptionRules,
  requireOptions,
} from './rocket.option-rules.js';
import { TEMPLATE_PULL_RULES, type TemplatePullOptions } from './rocket.pull-options.js';

/** How the `RocketTemplate` sends. */
export interface ProducerOptions {
  /** The group under which transactions are sent and checked. Default `nestjs-rocket`. Keep it: half messages of the last run are checked by it. */
  readonly group?: string | undefined;
  /** Bounds every send that names no timeout, in milliseconds. Default 3000. */
  readonly sendMessageTimeoutMs?: number | undefined;
  /**
   * Chooses the queue of each send that has a `hashKey`. Default: the hash of the key, by which RocketMQ's own clients choose, too
   * (`SelectMessageQueueByHash`). RocketMQ: `setMessageQueueSelector`.
   */
  readonly messageQueueSelector?: MessageQueueSelector | undefined;
  /** Carries context, such as that of an AsyncLocalStorage, with each message to its handler. Default: none. */
  readonly context?: ContextCarrier | undefined;
}

/** How the app's listeners begin and end. */
export interface ConsumerOptions {
  /**
   * `false` for environments that must not consume: listeners are found and checked, but get no messages, and check-backs are not answered. Sending works. Default true.
   */
  readonly enabled?: boolean | undefined;
  /** `false`: groups are joined at start, but messages are handled only from `RocketControl.start()` on. Default true. */
  readonly autoStart?: boolean | undefined;
  /**
   * Where functions and `${names}` in `@MessageListener` options find their values, such as a `ConfigService`. Default: the app's `ConfigService` of @nestjs/config when there is one, else
   * the environment of the process.
   */
  readonly config?: ConfigReader | undefined;
  /** How long shutdown waits for handlers that are running, in milliseconds. Default 10,000. Messages of those that take longer come again. */
  readonly shutdownTimeoutMs?: number | undefined;
  /**
   * Includes the app's global guards, pipes, interceptors and filters (`APP_GUARD`, `app.useGlobalPipes()`, …) in the handling of messages. Default false: those are
   * made for requests as a rule, and would refuse messages or fail at them.
   */
  readonly globalEnhancers?: boolean | undefined;
}

/** Options of `RocketModule.forRoot`: those of the embedded broker, and those of the Nest side. All have defaults. */
export interface RocketModuleOptions extends BrokerOptions {
  readonly producer?: ProducerOptions | undefined;
  readonly consumer?: ConsumerOptions | undefined;
  /** What `RocketTemplate.receive` reads. Without it there is nothing to receive. */
  readonly pullConsumer?: TemplatePullOptions | undefined;
  /** Turns payloads into bytes and back. Default: text, bytes and JSON with class-transformer. */
  readonly converter?: MessageConverter | undefined;
  /**
   * An engine to work with instead of one of the module's own, such as one that several apps of a process share. Who gives it has
   * started it, and closes it after the app: the module does neither. Excludes the options of the embedded broker. Apps that share an
   * engine and send transactions need a `producer.group` each.
   */
  readonly engine?: MessageEngine | undefined;
  /** Puts something around the engine, such as spans of OpenTelemetry (`RocketOpenTelemetry`). Default: nothing. */
  readonly instrumentation?: EngineInstrumentation | undefined;
  /** What the embedded broker runs on: file system, clock, random, logger. For tests and simulations. */
  readonly environment?: BrokerEnvironment | undefined;
}

/** What `useClass` and `useExisting` of `RocketModule.forRootAsync` name. */
export interface RocketOptionsFactory {
  createRocketOptions(): Promise<RocketModuleOptions> | RocketModuleOptions;
}

/** The module's options after checks and with all defaults. */
export interface ResolvedRocketOptions {
  readonly producer: {
    readonly group: string;
    readonly sendMessageTimeoutMs: number;
    readonly messageQueueSelector: MessageQueueSelector | undefined;
    readonly context: ContextCarrier | undefined;
  };
  readonly consumer: {
    readonly enabled: boolean;
    readonly autoStart: boolean;
    readonly config: ConfigReader | undefined;
    readonly shutdownTimeoutMs: number;
    readonly globalEnhancers: boolean;
  };
  readonly pullConsumer: TemplatePullOptions | undefined;
  readonly converter: MessageConverter;
  /** The engine that was given; undefined: the module makes one. */
  readonly engine: MessageEngine | undefined;
  readonly instrumentation: EngineInstrumentation | undefined;
  readonly broker: ResolvedBrokerOptions;
  readonly environment: BrokerEnvironment;
}

type OwnOptions = Omit<RocketModuleOptions, keyof BrokerOptions>;

const PRODUCER_RULES: OptionRules<ProducerOptions> = {
  group: producerGroupRule,
  sendMessageTimeoutMs: integer(1),
  messageQueueSelector: aFunction,
  context: anObjectWith('capture', 'run'),
};

const CONSUMER_RULES: OptionRules<ConsumerOptions> = {
  enabled: aBoolean,
  autoStart: aBoolean,
  config: anObjectWith('get'),
  shutdownTimeoutMs: integer(0),
  globalEnhancers: aBoolean,
};

const OWN_RULES: OptionRules<OwnOptions> = {
  producer: anObject,
  consumer: anObject,
  pullConsumer: anObject,
  converter: anObjectWith('toBody', 'fromBody'),
  engine: anObjectWith(
    'start',
    'close',
    'send',
    'sendHalf',
    'endTransaction',
    'registerTransactionChecker',
    'subscribe',
  ),
  instrumentation: anObjectWith('instrument'),
  environment: anObject,
};

type NamesOf<Options extends object> = { readonly [Name in keyof Options]-?: true };

const STORE_OPTIONS: NamesOf<StoreLocationOptions> = {
  type: true,
  path: true,
  flushDiskType: true,
  mappedFileSizeCommitLogBytes: true,
  consumeQueueFileEntries: true,
  mappedFileSizeTimerLogBytes: true,
  tailCacheBytes: true,
  maxUnflushedBytes: true,
  checkpointIntervalMs: true,
  maxOpenFiles: true,
  messageIndexEnable: true,
  maxHashSlotNum: true,
  maxIndexNum: true,
  fileReservedTimeHours: true,
  deleteWhen: true,
  cleanResourceIntervalMs: true,
  deleteFileBatchMax: true,
  diskMaxUsedSpaceRatio: true,
  diskSpaceCleanForciblyRatio: true,
  diskSpaceWarningLevelRatio: true,
  diskFreeSpaceEnoughBytes: true,
  cleanFileForciblyEnable: true,
};

const TRANSACTION_OPTIONS: NamesOf<NonNullable<BrokerOptions['transaction']>> = {
  transactionTimeoutMs: true,
  checkIntervalMs: true,
  checkMax: true,
};

/** The names of the broker's options, and of those in a group of options. Their values are checked by the broker. */
const BROKER_OPTIONS: { readonly [Name in keyof BrokerOptions]-?: object | true } = {
  store: STORE_OPTIONS,
  transaction: TRANSACTION_OPTIONS,
  brokerName: true,
  brokerHost: true,
  autoCreateTopics: true,
  defaultTopicQueueNums: true,
  maxMessageSizeBytes: true,
  compressMsgBodyOverBytes: true,
  messageDelayLevel: true,
  timerMaxDelayMs: true,
  timerRollWindowMs: true,
  timerFlushIntervalMs: true,
};

const PRODUCER_DEFAULTS: ResolvedRocketOptions['producer'] = {
  group: DEFAULT_PRODUCER_GROUP,
  sendMessageTimeoutMs: 3000,
  messageQueueSelector: undefined,
  context: undefined,
};

/** Of an option that holds producer options; what is in them is checked by {@link resolveProducerOptions}. */
export const PRODUCER_OPTION: OptionRule = anObject;

/** @throws InvalidOptionError, UnknownOptionError */
export function resolveProducerOptions(
  given: ProducerOptions,
  defaults: ResolvedRocketOptions['producer'],
): ResolvedRocketOptions['producer'] {
  checkOptions(given, PRODUCER_RULES, refusal('producer.'));
  return {
    group: given.group ?? defaults.group,
    sendMessageTimeoutMs: given.sendMessageTimeoutMs ?? defaults.sendMessageTimeoutMs,
    messageQueueSelector: given.messageQueueSelector ?? defaults.messageQueueSelector,
    context: given.context ?? defaults.context,
  };
}

/** @throws InvalidOptionError, UnknownOptionError */
export function resolveRocketOptions(given: RocketModuleOptions): ResolvedRocketOptions {
  requireOptions('RocketModule', given);
  const { own, ofBroker } = split(given);
  checkOptions(own, OWN_RULES, refusal(''));
  const { producer = {}, consumer = {}, pullConsumer, converter, engine, instrumentation, environment } = own;
  checkOptions(consumer, CONSUMER_RULES, refusal('consumer.'));
  if (pullConsumer !== undefined) {
    checkOptions(pullConsumer, TEMPLATE_PULL_RULES, refusal('pullConsumer.'), ['group', 'topic']);
  }
  if (engine !== undefined) refuseBesideEngine({ ...ofBroker, environment });
  return Object.freeze({
    producer: resolveProducerOptions(producer, PRODUCER_DEFAULTS),
    consumer: {
      enabled: consumer.enabled ?? true,
      autoStart: consumer.autoStart ?? true,
      config: consumer.config,
      shutdownTimeoutMs: consumer.shutdownTimeoutMs ?? 10_000,
      globalEnhancers: consumer.globalEnhancers ?? false,
    },
    pullConsumer,
    converter: converter ?? new DefaultMessageConverter(),
    engine,
    instrumentation,
    broker: resolveBrokerOptions(ofBroker),
    environment: environment ?? {},
  });
}

/** The options of the Nest side, and those of the broker. An unknown name is refused here, where the names of both are known. */
function split(given: RocketModuleOptions): { own: OwnOptions; ofBroker: BrokerOptions } {
  const own: Record<string, unknown> = {};
  const ofBroker: Record<string, unknown> = {};
  for (const [option, value] of Object.entries(given)) {
    if (Object.hasOwn(OWN_RULES, option)) own[option] = value;
    else if (Object.hasOwn(BROKER_OPTIONS, option)) ofBroker[option] = value;
    else throw unknownOption(option, [...Object.keys(BROKER_OPTIONS), ...Object.keys(OWN_RULES)]);
  }
  for (const [option, known] of Object.entries(BROKER_OPTIONS)) {
    if (known !== true) checkNames(option, ofBroker[option], Object.keys(known));
  }
  return { own, ofBroker };
}

function checkNames(group: string, value: unknown, known: readonly string[]): void {
  if (value === undefined) return;
  if (!anObject.accepts(value)) throw new InvalidOptionError({ option: group, value, expected: anObject.expected });
  const names = known.map((name) => `${group}.${name}`);
  for (const name of Object.keys(value as object)) {
    if (!known.includes(name)) throw unknownOption(`${group}.${name}`, names);
  }
}

function unknownOption(option: string, known: readonly string[]): UnknownOptionError {
  return new UnknownOptionError({ owner: 'RocketModule', option, nearest: nearestName(option, known), known });
}

function refusal(prefix: string): OptionRefusal {
  return {
    invalid: (option, value, expected) => new InvalidOptionError({ option: prefix + option, value, expected }),
    unknown: (option, nearest, known) =>
      new UnknownOptionError({
        owner: 'RocketModule',
        option: prefix + option,
        nearest: nearest === undefined ? undefined : prefix + nearest,
        known: known.map((name) => prefix + name),
      }),
  };
}

/** An option that would have no effect is a mistake. */
function refuseBesideEngine(others: Readonly<Record<string, unknown>>): void {
  for (const [option, value] of Object.entries(others)) {
    if (value === undefined) continue;
    throw new InvalidOptionError({
      option,
      value,
      expected: 'left out when the option engine is given: it is for an engine of the module',
    });
  }
}

function anObjectWith(...methods: readonly string[]): OptionRule {
  return {
    expected: `an object with the methods ${methods.join(', ')}`,
    accepts: (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function'),
  };
}
