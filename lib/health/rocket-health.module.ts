import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { RocketHealthIndicator } from './rocket-health.indicator.js';

/**
 * Gives {@link RocketHealthIndicator} to the module that imports it, beside `TerminusModule`.
 *
 * @publicApi
 */
@Module({ imports: [TerminusModule], providers: [RocketHealthIndicator], exports: [RocketHealthIndicator] })
export class RocketHealthModule {}
