import { Injectable } from '@nestjs/common';
import type { MessageExt } from 'nestjs-rocket';
import { ShopDatabase, type SqlValue } from '../database/shop-database.js';
import type { EventsQuery, EventsSummary, EventsTopicQuery, ShopEvent } from './events.types.js';

/** Older events make room, so that a shop that runs for months does not fill the disk with them. */
const MAX_EVENTS = 200_000;
const PRUNE_EVERY = 1000;
/** A love message's text is its id, and may be as long as a message can be. */
const MAX_ID_CHARACTERS = 1000;

type EventRow = Omit<ShopEvent, 'time'> & { readonly time: number };

/** What the listeners saw, kept in the database: it is there after a crash, too. */
@Injectable()
export class EventLog {
  constructor(private readonly database: ShopDatabase) {}

  /** Called by listeners, for each delivery, with the note of what they made of it. */
  record(consumerGroup: string, message: MessageExt, note: string, id = message.keys ?? message.msgId): void {
    const { topic, tags = null, msgId, reconsumeTimes } = message;
    const [inserted] = this.database.all<{ seq: number }>(
      `INSERT INTO events (id, topic, tag, consumer_group, attempt, msg_id, note, time)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq`,
      id.slice(0, MAX_ID_CHARACTERS),
      topic,
      tags,
      consumerGroup,
      reconsumeTimes + 1,
      msgId,
      note,
      Date.now(),
    );
    const seq = inserted?.seq ?? 0;
    if (seq % PRUNE_EVERY === 0) this.database.run('DELETE FROM events WHERE seq <= ?', seq - MAX_EVENTS);
  }

  /** In the order in which they took place. */
  find({ id, topic, after, limit }: EventsQuery): ShopEvent[] {
    const conditions: string[] = [];
    const values: SqlValue[] = [];
    if (id !== undefined) {
      conditions.push('(id = ? OR msg_id = ?)');
      values.push(id, id);
    }
    if (topic !== undefined) {
      conditions.push('topic = ?');
      values.push(topic);
    }
    if (after !== undefined) {
      conditions.push('seq > ?');
      values.push(after);
    }
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const rows = this.database.all<EventRow>(
      `SELECT * FROM (
         SELECT seq, time, id, topic, tag, consumer_group AS "group", attempt, msg_id AS msgId, note
         FROM events ${where} ORDER BY seq ${after === undefined ? 'DESC' : 'ASC'} LIMIT ?
       ) ORDER BY seq`,
      ...values,
      limit,
    );
    return rows.map((row) => ({ ...row, time: new Date(row.time).toISOString() }));
  }

  summary({ topic }: EventsTopicQuery): EventsSummary {
    const condition = topic === undefined ? '' : 'WHERE topic = ?';
    const [summary] = this.database.all<EventsSummary>(
      `SELECT COUNT(*) AS deliveries, COUNT(DISTINCT msg_id) AS messages,
              COUNT(*) - COUNT(DISTINCT consumer_group || ' ' || msg_id || ' ' || attempt) AS repeats
       FROM events ${condition}`,
      ...(topic === undefined ? [] : [topic]),
    );
    return summary ?? { deliveries: 0, messages: 0, repeats: 0 };
  }
}
