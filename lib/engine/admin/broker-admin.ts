import type { AdminParts } from './admin-parts.js';
import { DeadLetterAdmin } from './dead-letter-admin.js';
import { DelayAdmin } from './delay-admin.js';
import { GroupAdmin } from './group-admin.js';
import { MessageAdmin } from './message-admin.js';
import { TopicAdmin } from './topic-admin.js';
import { TransactionAdmin } from './transaction-admin.js';

/** Looking at a broker and steering it: what RocketMQ users do with `mqadmin` and its dashboard. */
export class BrokerAdmin {
  readonly topics: TopicAdmin;
  readonly groups: GroupAdmin;
  readonly messages: MessageAdmin;
  readonly deadLetters: DeadLetterAdmin;
  readonly transactions: TransactionAdmin;
  readonly delays: DelayAdmin;

  constructor(parts: AdminParts) {
    this.topics = new TopicAdmin(parts);
    this.groups = new GroupAdmin(parts);
    this.messages = new MessageAdmin(parts);
    this.deadLetters = new DeadLetterAdmin(parts);
    this.transactions = new TransactionAdmin(parts);
    this.delays = new DelayAdmin(parts);
  }
}
