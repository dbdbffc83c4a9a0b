import { Injectable } from '@nestjs/common';
import { RocketAdmin } from 'nestjs-rocket';

export interface Overview {
  /** Messages that wait for a time: retries and delayed ones. */
  readonly delayed: readonly { readonly delayMs: number; readonly pending: number; readonly next: string | null }[];
  /** Half messages whose second phase is missing. */
  readonly transactions: readonly { readonly topic: string; readonly ageMs: number; readonly checks: number }[];
  readonly groups: readonly {
    readonly group: string;
    readonly members: number;
    readonly lag: number;
    readonly deadLetters: number;
  }[];
}

/** What waits in the broker, for people to look at. */
@Injectable()
export class OverviewService {
  constructor(private readonly admin: RocketAdmin) {}

  async overview(): Promise<Overview> {
    const { delays, transactions, groups } = this.admin;
    const levels = await delays.levels();
    const waiting = levels.filter(({ pending }) => pending > 0);
    return {
      delayed: waiting.map(({ delayMs, pending, nextDeliveryMs }) => ({
        delayMs,
        pending,
        next: nextDeliveryMs === undefined ? null : new Date(nextDeliveryMs).toISOString(),
      })),
      transactions: transactions
        .pending()
        .map(({ topic, ageMs, checkTimes }) => ({ topic, ageMs, checks: checkTimes })),
      groups: await Promise.all(groups.list().map(({ group }) => this.#group(group))),
    };
  }

  async #group(group: string): Promise<Overview['groups'][number]> {
    const { groups, deadLetters } = this.admin;
    const [{ totalLag }, { maxOffset }] = await Promise.all([
      groups.lag(group),
      deadLetters.list(group, { maxCount: 1 }),
    ]);
    return { group, members: groups.members(group).length, lag: totalLag, deadLetters: maxOffset };
  }
}
