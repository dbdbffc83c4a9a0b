import { Logger } from '@nestjs/common';
import { RocketMessage, type MessageConverter } from '../converter/index.js';
import { Property, RECONSUME_LATER, type MessageEngine, type MessageExt, type Reply } from '../engine/index.js';
import { ReplyIllegalError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import { ROCKET_LOG_CONTEXT } from '../rocket.constants.js';
import type { ListenerDefinition } from './listener-definition.js';

const CONTENT_TYPE = 'contentType';

/**
 * Sends what a listener with `replies` returns to the one who asked.
 *
 * A message that was not sent as a request is handled like any other, and what is returned for it goes nowhere.
 */
export class ListenerReplies {
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  readonly #logger = new Logger(ROCKET_LOG_CONTEXT);

  constructor(engine: MessageEngine, converter: MessageConverter) {
    this.#engine = engine;
    this.#converter = converter;
  }

  /**
   * @returns what the engine is to be told of the handling
   * @throws ReplyIllegalError
   */
  async answer(listener: ListenerDefinition, message: MessageExt, returned: unknown): Promise<unknown> {
    const result = await returned;
    if (result === RECONSUME_LATER || message.properties[Property.CORRELATION_ID] === undefined) return result;
    const isInTime = await this.#engine.reply(message, this.#encode(listener, message, result));
    if (!isInTime) {
      this.#logger.debug(`The reply of ${listener.name} to message ${message.msgId} came too late and was dropped`);
    }
    return undefined;
  }

  #encode(listener: ListenerDefinition, message: MessageExt, result: unknown): Reply {
    const { payload, headers } = result instanceof RocketMessage ? result : new RocketMessage(result);
    try {
      const { body, contentType } = this.#converter.toBody(payload, headers);
      return { body, properties: contentType === undefined ? {} : { [CONTENT_TYPE]: contentType } };
    } catch (error) {
      const { topic, msgId } = message;
      throw new ReplyIllegalError({ listener: listener.name, topic, msgId, reason: messageOf(error) }, error);
    }
  }
}
