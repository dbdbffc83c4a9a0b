import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { MessageEngine } from '../engine/index.js';
import { UnsupportedByEngineError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import { ROCKET_ENGINE } from '../rocket.tokens.js';
import { checkHealthLimits, judgeHealth, type RocketHealthLimits } from './health-limits.js';

/**
 * Whether the app's broker takes sends, has room on its disk, and is read fast enough. For `HealthCheckService.check` of `@nestjs/terminus`.
 *
 * @publicApi
 */
@Injectable()
export class RocketHealthIndicator {
  readonly #indicators: HealthIndicatorService;
  readonly #engine: MessageEngine;

  constructor(
    @Inject(HealthIndicatorService) indicators: HealthIndicatorService,
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
  ) {
    this.#indicators = indicators;
    this.#engine = engine;
  }

  /**
   * Down when a limit is passed, the store refuses sends, or the broker is closed. The result says why, and has what was looked at.
   *
   * @param key under which the result stands
   * @throws UnsupportedByEngineError the engine does not count
   * @throws InvalidOptionError, UnknownOptionError
   */
  async isHealthy<const Key extends string>(
    key: Key,
    limits: RocketHealthLimits = {},
  ): Promise<HealthIndicatorResult<Key>> {
    checkHealthLimits(limits);
    if (this.#engine.metrics === undefined) throw new UnsupportedByEngineError({ feature: 'metrics' });
    const indicator = this.#indicators.check(key);
    try {
      const { complaints, ...found } = judgeHealth(await this.#engine.metrics(), limits);
      return complaints.length === 0
        ? indicator.up({ ...found })
        : indicator.down({ message: complaints.join(' '), ...found });
    } catch (error) {
      return indicator.down({ message: messageOf(error) });
    }
  }
}
