import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { DeadLetterListener } from './dead-letter.listener.js';
import { FailingHandler } from './failing-handler.js';
import { FlakyController } from './flaky.controller.js';
import { ImpatientListener } from './impatient.listener.js';
import { PatientListener } from './patient.listener.js';

@Module({
  imports: [EventsModule],
  controllers: [FlakyController],
  providers: [FailingHandler, PatientListener, ImpatientListener, DeadLetterListener],
})
export class FlakyModule {}
