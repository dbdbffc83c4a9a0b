import { IsDefined, IsInt, IsOptional, IsString, Matches, ValidateBy } from 'class-validator';

/** The topic that the shop itself listens to; others can be sent to as well. */
export const MESSAGES_TOPIC = 'messages';

export class MessageRequest {
  @Matches(/^[^:]+$/, { message: 'topic must be a string without ":" (the tag has a field of its own)' })
  readonly topic!: string;

  @IsOptional()
  @IsString({ message: 'tag must be a string' })
  readonly tag?: string;

  @IsOptional()
  @ValidateBy({
    name: 'isKeys',
    validator: { validate: isKeys, defaultMessage: () => 'keys must be a string or an array of strings' },
  })
  readonly keys?: string | string[];

  @IsDefined({ message: 'payload must be given: any JSON but null' })
  readonly payload!: unknown;

  @IsOptional()
  @IsInt({ message: 'delayLevel must be a whole number from 0 to 18' })
  readonly delayLevel?: number;
}

/** A message as the broker has it. */
export interface FoundMessage {
  readonly msgId: string;
  readonly topic: string;
  readonly tag: string | null;
  readonly keys: string | null;
  readonly queueId: number;
  readonly queueOffset: number;
  readonly storedAt: string;
  readonly payload: unknown;
}

export class MessageSearch {
  @IsString({ message: 'topic must be given once' })
  readonly topic!: string;

  @IsString({ message: 'key must be given once' })
  readonly key!: string;
}

function isKeys(value: unknown): boolean {
  return typeof value === 'string' || (Array.isArray(value) && value.every((key) => typeof key === 'string'));
}
