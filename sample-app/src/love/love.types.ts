import { Length } from 'class-validator';

export const LOVE_TOPIC = 'love';

export class LoveRequest {
  @Length(1, 10_000, { message: 'text must be a string of 1 to 10000 characters' })
  readonly text!: string;
}
