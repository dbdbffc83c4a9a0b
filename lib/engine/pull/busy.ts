import type { Activity, Clock } from '../types/index.js';

/** Lets those who wait for a quiet engine wait for this work, too. */
export async function whileBusy<T>(activity: Activity, work: () => Promise<T>): Promise<T> {
  const end = activity.begin();
  try {
    return await work();
  } finally {
    end();
  }
}

/** Lets the app have a turn of the event loop. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.defer(resolve));
}
