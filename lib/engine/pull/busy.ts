import type { Activity } from '../types/index.js';

/** Lets those who wait for a quiet engine wait for this work, too. */
export async function whileBusy<T>(activity: Activity, work: () => Promise<T>): Promise<T> {
  const end = activity.begin();
  try {
    return await work();
  } finally {
    end();
  }
}
