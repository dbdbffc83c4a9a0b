import { resolve } from 'node:path';
import { registerAs, type ConfigType } from '@nestjs/config';

/** The shop's settings, from the environment. What is not set has a default; what can not be used keeps the shop from starting. */
export const shopConfig = registerAs('shop', () => ({
  /** PORT: where HTTP is served; 0 takes any free port. */
  port: integerOf('PORT', 3000, 0, 65_535),
  /** DATA_DIR: the directory of the message store and of the database. */
  dataDirectory: resolve(process.env['DATA_DIR'] || 'sample-app/data'),
  /** CLOSE_DELAY_LEVEL: how long an order waits for its payment. Level 3 is 10 s. */
  closeDelayLevel: integerOf('CLOSE_DELAY_LEVEL', 3, 1, 18),
  /** CHECK_TIMEOUT_MS: age at which an undecided transaction is checked for the first time. */
  checkTimeoutMs: integerOf('CHECK_TIMEOUT_MS', 6000, 0),
  /** CHECK_INTERVAL_MS: time between two checks of a transaction. */
  checkIntervalMs: integerOf('CHECK_INTERVAL_MS', 30_000, 1),
}));

export type ShopConfig = ConfigType<typeof shopConfig>;

function integerOf(name: string, fallback: number, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const text = process.env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  throw new Error(`${name} is "${text}", but must be a whole number ${range}. Leave it out for ${fallback}.`);
}
