/**
 * How long to wait before the next attempt at something: twice as long after each further failure.
 *
 * @param failures before the last one
 * @param limits the first delay and the longest. Default: RocketMQ's `DELAY_FOR_A_WHILE` and `DELAY_FOR_A_PERIOD` of its delay levels
 */
export function retryDelayMs(failures: number, { firstMs = 100, maxMs = 10_000 } = {}): number {
  return Math.min(firstMs * 2 ** failures, maxMs);
}
