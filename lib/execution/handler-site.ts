import type { PayloadType } from '../converter/index.js';
import type { DecoratedClass, HostModule } from '../rocket.discovery.js';
import type { RefusalAction } from './refusal.js';
import type { ContextListener } from './rocket-context.js';

/** A method that handles messages, and where in the app it is. */
export interface HandlerSite extends ContextListener {
  readonly type: DecoratedClass;
  readonly methodName: string;
  readonly module: HostModule | undefined;
  /** Called with arrays. */
  readonly isBatch: boolean;
  readonly isOrderly: boolean;
  readonly payloadType: PayloadType | undefined;
  readonly onInvalidPayload: RefusalAction;
  readonly onForbidden: RefusalAction;
}
