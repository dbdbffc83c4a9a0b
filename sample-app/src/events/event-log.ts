import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { MessageExt } from 'nestjs-rocket';
import { Subject, auditTime, concatMap, startWith, type Observable } from 'rxjs';
import { ShopDatabase, type SqlValue } from '../database/shop-database.js';
import type { EventsQuery, EventsSummary, EventsTopicQuery, ShopEvent } from './events.types.js';

/** Older events make room, so that a shop that runs for months does not fill the disk with them. */
const MAX_EVENTS = 200_000;
const PRUNE_EVERY = 1000;
/** A love message's text is its id, and may be as long as a message can be. */
const MAX_ID_CHARACTERS = 1000;
/** Events that take place together are read together, after the database transactions that they belong to. */
const LIVE_AUDIT_MS = 20;
const LIVE_BATCH = 1000;

type EventRow = Omit<ShopEvent, 'time'> & { readonly time: number };

/** What the listeners saw, kept in the database: it is there after a crash, too. */
@Injectable()
export class EventLog implements BeforeApplicationShutdown {
  readonly #recorded = new Subject<void>();

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
    this.#recorded.next();
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

  /** Events as they take place, from the one after `after` on. Default: only those to come. It ends with the app. */
  live(after = this.#newestSeq()): Observable<ShopEvent> {
    let seen = after;
    return this.#recorded.pipe(
      startWith(undefined),
      auditTime(LIVE_AUDIT_MS),
      concatMap(() => {
        const events: ShopEvent[] = [];
        for (let batch; (batch = this.find({ after: seen, limit: LIVE_BATCH })).length > 0;) {
          events.push(...batch);
          seen = batch.at(-1)?.seq ?? seen;
        }
        return events;
      }),
    );
  }

  /** A browser that watches keeps its connection open, and the server waits for connections to end. */
  beforeApplicationShutdown(): void {
    this.#recorded.complete();
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

  #newestSeq(): number {
    return this.database.all<{ seq: number }>('SELECT COALESCE(MAX(seq), 0) AS seq FROM events')[0]?.seq ?? 0;
  }
}
