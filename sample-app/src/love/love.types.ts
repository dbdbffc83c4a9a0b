import { IsString, Length } from 'class-validator';

export const LOVE_TOPIC = 'love';

export class LoveRequest {
  @IsString({ message: 'text must be a string' })
  @Length(1, 10_000, { message: 'text must have 1 to 10000 characters' })
  readonly text!: string;
}
