import { BaseRpcContext } from '@nestjs/microservices';
import type { MessageExt } from '../engine/index.js';

/**
 * What `@Ctx()` gives a handler: the message as it came.
 *
 * @publicApi
 */
export class RocketRpcContext extends BaseRpcContext<[message: MessageExt, pattern: string]> {
  getMessage(): MessageExt {
    return this.args[0];
  }

  /** The pattern of the handler: `topic` or `topic:tag`. */
  getPattern(): string {
    return this.args[1];
  }

  getTopic(): string {
    return this.args[0].topic;
  }

  getTags(): string | undefined {
    return this.args[0].tags;
  }

  /** 1 for the first delivery. */
  getAttempt(): number {
    return this.args[0].reconsumeTimes + 1;
  }
}
