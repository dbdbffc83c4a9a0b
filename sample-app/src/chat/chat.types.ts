import { Length } from 'class-validator';

export const CHAT_TOPIC = 'chat';
export const CHAT_GROUP = 'chat';

/** What somebody says: the request, the message, and what visitors get. */
export class ChatLine {
  @Length(1, 40, { message: 'from must be a string of 1 to 40 characters' })
  readonly from!: string;

  @Length(1, 1000, { message: 'text must be a string of 1 to 1000 characters' })
  readonly text!: string;
}
