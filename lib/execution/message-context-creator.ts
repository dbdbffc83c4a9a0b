import { Catch, type ExceptionFilter } from '@nestjs/common';
import { ApplicationConfig, ExternalContextCreator, ModulesContainer, NestContainer } from '@nestjs/core';
import { isObservable, lastValueFrom } from 'rxjs';
import { InvalidOptionError } from '../errors/index.js';
import { ArgumentKind, positionsAt } from '../rocket.arguments.js';
import type { BatchPayloads } from './batch-payloads.js';
import type { HandlerSite } from './handler-site.js';

/** Ends the search for a filter. Without it, Nest logs what no filter has caught, and the engine logs it a second time. */
@Catch()
class NotCaught implements ExceptionFilter {
  catch(error: unknown): never {
    throw error;
  }
}

/** The modules of the app beside a configuration that is not the app's. */
class AppModules extends NestContainer {
  readonly #modules: ModulesContainer;

  constructor(modules: ModulesContainer, config: ApplicationConfig) {
    super(config);
    this.#modules = modules;
  }

  override getModules(): ModulesContainer {
    return this.#modules;
  }
}

/**
 * Makes what Nest puts handlers of other transports together with. The app's own `ExternalContextCreator` always includes the app's global guards, pipes, interceptors and
 * filters; those are made for requests as a rule, and would refuse every message or fail at it.
 *
 * @param globals the configuration of the app, when its global enhancers are to be included
 * @throws InvalidOptionError when they can not be
 */
export function createContextCreator(
  modules: ModulesContainer,
  globals: ApplicationConfig | undefined,
): ExternalContextCreator {
  const config = new ApplicationConfig();
  // Filters are searched from the method to the app: the first global one is asked last.
  config.addGlobalFilter(new NotCaught());
  if (globals !== undefined) {
    refuseRequestScoped(globals);
    for (const guard of globals.getGlobalGuards()) config.addGlobalGuard(guard);
    for (const pipe of globals.getGlobalPipes()) config.addGlobalPipe(pipe);
    for (const interceptor of globals.getGlobalInterceptors()) config.addGlobalInterceptor(interceptor);
    for (const filter of globals.getGlobalFilters()) config.addGlobalFilter(filter);
  }
  return ExternalContextCreator.fromContainer(new AppModules(modules, config));
}

/** Nest makes request-scoped global enhancers for controllers and gateways alone. */
function refuseRequestScoped(globals: ApplicationConfig): void {
  const scoped = [
    ...globals.getGlobalRequestGuards(),
    ...globals.getGlobalRequestPipes(),
    ...globals.getGlobalRequestInterceptors(),
    ...globals.getGlobalRequestFilters(),
  ];
  if (scoped.length === 0) return;
  throw new InvalidOptionError({
    option: 'consumer.globalEnhancers',
    value: true,
    expected: `false while ${scoped.map(({ name }) => String(name)).join(', ')} is request-scoped: messages can not have it`,
  });
}

/** What is learned while a handler is called, and what pipes do with batches. */
export interface PipelineObserver {
  guardThrew(error: unknown): void;
  pipeThrew(error: unknown): void;
  /** Undefined for a handler of single messages. */
  readonly batches: BatchPayloads | undefined;
}

/**
 * The creator as one handler needs it, on top of the common one. All that is replaced are public methods of it.
 */
export function contextCreatorOf(
  common: ExternalContextCreator,
  site: HandlerSite,
  moduleKey: string,
  observer: PipelineObserver,
): ExternalContextCreator {
  const creator = Object.create(common) as ExternalContextCreator;
  // Nest looks among providers alone, and takes the first module of several: enhancers of a controller would be skipped without a word.
  creator.getContextModuleKey = () => moduleKey;

  // Nest 12 warns where ValidationPipe has no type to go by; `withPayloadType` gives it one.
  creator.getMetadata = (...args) => {
    const metadata = common.getMetadata(...args);
    return isTypedByOption(site) ? { ...metadata, paramtypes: metadata.paramtypes ?? [] } : metadata;
  };

  creator.createGuardsFn = (...args) => {
    const guard = common.createGuardsFn(...args) as ((args: unknown[]) => Promise<void>) | null;
    if (guard === null) return null;
    return async (handlerArguments: unknown[]): Promise<void> => {
      try {
        await guard(handlerArguments);
      } catch (error) {
        observer.guardThrew(error);
        throw error;
      }
    };
  };

  creator.getParamValue = async (value, metadata, pipes) => {
    const kind: unknown = metadata.type;
    // Pipes are for what the sender wrote.
    if (pipes.length === 0 || kind === ArgumentKind.MESSAGE || kind === ArgumentKind.CONTEXT) return value;
    if (kind === ArgumentKind.BATCH) return value;
    const apply = async (one: unknown): Promise<unknown> =>
      (await common.getParamValue(one, withPayloadType(metadata, site), pipes)) as unknown;
    try {
      if (kind !== ArgumentKind.PAYLOAD || observer.batches === undefined) return await apply(value);
      return await observer.batches.transform(value as unknown as unknown[], apply);
    } catch (error) {
      observer.pipeThrew(error);
      throw error;
    }
  };

  // As without enhancers: an Observable that ends without a value is a handler that returned nothing.
  creator.transformToResult = async (result: unknown) =>
    isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
  return creator;
}

/** Without parameter decorators, the payload is all that pipes see. */
function isTypedByOption({ type, methodName, payloadType }: HandlerSite): boolean {
  return typeof payloadType === 'function' && Object.keys(positionsAt(type, methodName)).length === 0;
}

type ParameterMetadata = Parameters<ExternalContextCreator['getParamValue']>[1];

/**
 * A class-level listener has no parameter types (TypeScript writes them only for decorated methods), and an interface has none at all. Then the listener's payloadType
 * is what ValidationPipe has to go by; without it, it would let everything pass.
 */
function withPayloadType(metadata: ParameterMetadata, site: HandlerSite): ParameterMetadata {
  const isWhole = (metadata.type as unknown) === ArgumentKind.PAYLOAD && metadata.data === undefined;
  // The parameter of a batch is an array, whatever is in it.
  const isTyped = !site.isBatch && metadata.metatype !== undefined && metadata.metatype !== Object;
  if (!isWhole || isTyped) return metadata;
  if (typeof site.payloadType === 'function') return { ...metadata, metatype: site.payloadType };
  return site.isBatch ? { ...metadata, metatype: undefined } : metadata;
}
