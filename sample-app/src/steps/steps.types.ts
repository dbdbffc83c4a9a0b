import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { IsBusinessId } from '../validation/is-business-id.js';

export const STEPS_TOPIC = 'order-steps';
export const STEPS = ['create', 'payment', 'push', 'done'] as const;

export type StepName = (typeof STEPS)[number];

const STEP_RULE = { message: `step must be one of ${STEPS.join(', ')}` };
const ORDERS_RULE = { message: 'orderNos must be an array of 1 to 100 order numbers' };
const FAIL_TIMES_RULE = { message: 'failTimes must be a whole number from 0 to 100' };

/** The message: one step of an order. */
export class OrderStep {
  @IsBusinessId()
  readonly orderNo!: string;

  @IsIn(STEPS, STEP_RULE)
  readonly step!: StepName;

  /** How often the step fails before it succeeds. */
  @IsInt(FAIL_TIMES_RULE)
  @Min(0, FAIL_TIMES_RULE)
  @Max(100, FAIL_TIMES_RULE)
  readonly failTimes!: number;
}

export class StepsRequest {
  @IsArray(ORDERS_RULE)
  @ArrayMinSize(1, ORDERS_RULE)
  @ArrayMaxSize(100, ORDERS_RULE)
  @Matches(/^[\w.-]{1,64}$/, { each: true, ...ORDERS_RULE })
  readonly orderNos!: string[];

  /** The step of the first order that fails. Default: none. */
  @IsOptional()
  @IsIn(STEPS, STEP_RULE)
  readonly step?: StepName;

  @IsOptional()
  @IsInt(FAIL_TIMES_RULE)
  @Min(0, FAIL_TIMES_RULE)
  @Max(100, FAIL_TIMES_RULE)
  readonly failTimes?: number;
}
