import { isPayloadType, type PayloadType } from '../converter/index.js';
import { integer, type OptionRules } from '../rocket.option-rules.js';
import { checkMethodOptions } from './send-options.js';

/** What one call of `receive` is to give. */
export interface ReceiveOptions<P extends PayloadType = PayloadType> {
  /** What payloads are made into; see {@link PayloadType}. Default: what a message's content type says. */
  readonly payloadType?: P | undefined;
  /** How long to wait for the first message, in milliseconds. 0: not at all. Default 5000. */
  readonly timeoutMs?: number | undefined;
  /** Most messages, 1 to 10,000. Default: `pullConsumer.pullBatchSize` (10). */
  readonly maxCount?: number | undefined;
}

const RULES: OptionRules<ReceiveOptions> = {
  payloadType: { expected: 'a class, or an array with one class in it', accepts: isPayloadType },
  timeoutMs: integer(0),
  maxCount: integer(1, 10_000),
};

/**
 * Reads an options object, or type and timeout as rocketmq-spring has them.
 *
 * @throws MessageIllegalError, UnknownOptionError
 */
export function readReceiveOptions(
  typeOrOptions: PayloadType | ReceiveOptions | undefined,
  timeoutMs: number | undefined,
): ReceiveOptions {
  const isType = typeOrOptions === undefined || isPayloadType(typeOrOptions);
  const options: ReceiveOptions = isType ? { payloadType: typeOrOptions } : typeOrOptions;
  return checkMethodOptions('receive', timeoutMs === undefined ? options : { ...options, timeoutMs }, RULES);
}
