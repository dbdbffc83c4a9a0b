import { Module, type DynamicModule, type InjectionToken, type Provider } from '@nestjs/common';
import { storeNameRule } from './rocket.names.js';
import { checkOptions, optionRefusal, requireOptions, type OptionRules } from './rocket.option-rules.js';
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
  requireOptions(owner, options);
  checkOptions(options, RULES, optionRefusal(owner), ['name']);
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
