import { ContextIdFactory, ModuleRef, type ContextId } from '@nestjs/core';
import { ListenerInvalidError } from '../errors/index.js';
import type { ScopedProvider } from '../rocket.discovery.js';
import type { HandlerCall, HandlerPipelines } from './handler-pipelines.js';
import type { HandlerSite } from './handler-site.js';
import type { RocketContext } from './rocket-context.js';

/**
 * Calls a handler of a request-scoped class: every delivery has an instance of its own, with all that it injects. A durable one is shared by the deliveries that the app's
 * `ContextIdStrategy` takes for one.
 */
export function scopedHandler(pipelines: HandlerPipelines, site: HandlerSite, provider: ScopedProvider): HandlerCall {
  // Of its own module: another one may provide the same class.
  const moduleRef: unknown = site.module?.providers.get(ModuleRef)?.instance;
  if (!(moduleRef instanceof ModuleRef)) {
    throw new ListenerInvalidError({
      listener: site.listener,
      reason: 'it is request-scoped and belongs to no module',
    });
  }
  const around = pipelines.prepare(site);
  const isDurable = provider.isDependencyTreeDurable();
  return async (context, delivery) => {
    const contextId = ContextIdFactory.getByRequest(context);
    moduleRef.registerRequestByContextId(requestOf(context, contextId, isDurable), contextId);
    const instance = await moduleRef.resolve<object>(provider.token, contextId, { strict: true });
    if (around !== undefined) return around({ instance, contextId, inquirerId: provider.id })(context, delivery);
    return (instance as Record<string, (...args: unknown[]) => unknown>)[site.methodName]!(...delivery);
  };
}

/** What is injected as REQUEST; Nest's rule for requests, with the context of the delivery in the place of the request. */
function requestOf(context: RocketContext, { payload }: ContextId, isDurable: boolean): unknown {
  return isDurable ? (payload ?? context) : Object.assign(context, payload);
}
