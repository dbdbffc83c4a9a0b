import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;

/** Asks again until the expectations hold; fails with what they say when they still do not at the deadline. */
export async function eventually(withinMs: number, expectations: () => Promise<void>): Promise<void> {
  const deadlineMs = Date.now() + withinMs;
  for (;;) {
    try {
      await expectations();
      return;
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
    }
    await sleep(POLL_MS);
  }
}
