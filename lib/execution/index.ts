export { HandlerPipelines, type Delivery, type HandlerCall } from './handler-pipelines.js';
export type { HandlerSite } from './handler-site.js';
export { settleRefusal, settleRefusalInBatch, type BatchRemarks, type RefusalAction } from './refusal.js';
export { ROCKET_CONTEXT_TYPE, RocketContext, isRocketContext, type ContextListener } from './rocket-context.js';
export { scopedHandler } from './scoped-handler.js';
