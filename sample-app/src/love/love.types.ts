import { Length } from 'class-validator';

export const LOVE_TOPIC = 'love';

export class LoveRequest {
  @Length(1, 1000, { message: 'text must be a string of 1 to 1000 characters' })
  readonly text!: string;
}
