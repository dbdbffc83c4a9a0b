import { Body, Controller, Post } from '@nestjs/common';
import { RocketTemplate, type SendResult } from 'nestjs-rocket';
import { FLAKY_TOPIC, FlakyRequest, IMPATIENT_TAG, PATIENT_TAG, type Flaky } from './flaky.types.js';

@Controller('flaky')
export class FlakyController {
  constructor(private readonly rocket: RocketTemplate) {}

  @Post()
  async send(@Body() { id, failTimes, impatient = false }: FlakyRequest): Promise<SendResult> {
    const message: Flaky = { id, failTimes };
    return this.rocket.syncSend(`${FLAKY_TOPIC}:${impatient ? IMPATIENT_TAG : PATIENT_TAG}`, message, { keys: id });
  }
}
