import { Module, type DynamicModule, type InjectionToken, type Provider } from '@nestjs/common';
import { InvalidOptionError, UnknownOptionError } from './errors/index.js';
import { storeNameRule } from './rocket.names.js';
import { anObject, checkOptions, type OptionRules } from './rocket.option-rules.js';
import { PRODUCER_OPTION, type ProducerOptions } from './rocket.options.js';
import { DEFAULT_STORE, ROCKET_FEATURE_NAME, getRocketStoreToken, getRocketTemplateToken } from './rocket.tokens.js';
import { RocketTemplates, type RocketTemplate } from './template/index.js';

/** A template with a name. */
export interface RocketFeatureOptions {
  /** By which `@InjectRocketTemplate(name)` asks for it. Letters, digits, `_` and `-`. */
  readonly name: string;
  /** The store that it sends to. Default: the one without a name. */
  readonly store?: string | undefined;
  /** What is left out is as in the options of the store's module. */
  readonly producer?: ProducerOptions | undefined;
}

const RULES: OptionRules<RocketFeatureOptions> = {
  name: {
    ...storeNameRule,
    expected: `${storeNameRule.expected}, and not ${DEFAULT_STORE}`,
    accepts: (value) => storeNameRule.accepts(value) && value !== DEFAULT_STORE,
  },
  store: storeNameRule,
  producer: PRODUCER_OPTION,
};

@Module({})
class RocketFeatureModule {}

/** @throws InvalidOptionError, UnknownOptionError */
export function featureModule(options: RocketFeatureOptions): DynamicModule {
  const owner = 'RocketModule.forFeature';
  const refusal = {
    invalid: (option: string, value: unknown, expected: string) => new InvalidOptionError({ option, value, expected }),
    unknown: (option: string, nearest: string | undefined, known: readonly string[]) =>
      new UnknownOptionError({ owner, option, nearest, known }),
  };
  if (!anObject.accepts(options)) throw refusal.invalid(`options of ${owner}`, options, anObject.expected);
  checkOptions(options, RULES, refusal, ['name']);
  const { name, store = DEFAULT_STORE, producer = {} } = options;
  const templates: InjectionToken =
    store === DEFAULT_STORE ? RocketTemplates : getRocketStoreToken(RocketTemplates, store);
  const provide = getRocketTemplateToken(name);
  const useFactory = (all: RocketTemplates): RocketTemplate => all.create(producer);
  const providers: Provider[] = [
    { provide, useFactory, inject: [templates] },
    { provide: ROCKET_FEATURE_NAME, useValue: name },
  ];
  return { module: RocketFeatureModule, providers, exports: [provide] };
}
