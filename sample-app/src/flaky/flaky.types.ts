import { IsBoolean, IsInt, IsOptional, Max, Min } from 'class-validator';
import { IsBusinessId } from '../validation/is-business-id.js';

export const FLAKY_TOPIC = 'flaky';
export const PATIENT_TAG = 'patient';
export const IMPATIENT_TAG = 'impatient';

const FAIL_TIMES = { message: 'failTimes must be a whole number from 0 to 1000' };

/** The message: fail this often. */
export class Flaky {
  @IsBusinessId()
  readonly id!: string;

  @IsInt(FAIL_TIMES)
  @Min(0, FAIL_TIMES)
  @Max(1000, FAIL_TIMES)
  readonly failTimes!: number;
}

export class FlakyRequest extends Flaky {
  /** True: for the listener that gives up after two retries. */
  @IsOptional()
  @IsBoolean({ message: 'impatient must be true or false' })
  readonly impatient?: boolean;
}
