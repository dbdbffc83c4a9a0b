import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { RocketListenerRegistry, type DynamicListenerHandle } from 'nestjs-rocket';
import { Observable } from 'rxjs';
import { CHAT_GROUP, CHAT_TOPIC, ChatLine } from './chat.types.js';

/** Every visitor who listens is a member of a broadcasting group: each gets each line, for as long as the visit lasts. */
@Injectable()
export class ChatRoom implements OnModuleDestroy {
  readonly #logger = new Logger(ChatRoom.name);
  readonly #leave = new Set<() => void>();

  constructor(private readonly listeners: RocketListenerRegistry) {}

  /** Lines from now on. Who unsubscribes leaves the group. */
  visit(): Observable<ChatLine> {
    return new Observable<ChatLine>((visitor) => {
      const joining = this.#join((line) => visitor.next(line));
      joining.catch((error: unknown) => visitor.error(error));
      const leave = (): void => visitor.complete();
      this.#leave.add(leave);
      return () => {
        this.#leave.delete(leave);
        joining.then((member) => member.close()).catch((error: unknown) => this.#logger.warn(String(error)));
      };
    });
  }

  /** A visitor's connection would keep the server from closing. */
  onModuleDestroy(): void {
    for (const leave of this.#leave) leave();
  }

  #join(handler: (line: ChatLine) => void): Promise<DynamicListenerHandle> {
    return this.listeners.subscribe<ChatLine>(
      {
        id: `visitor ${randomUUID()}`,
        topic: CHAT_TOPIC,
        consumerGroup: CHAT_GROUP,
        messageModel: 'BROADCASTING',
        payloadType: ChatLine,
      },
      handler,
    );
  }
}
