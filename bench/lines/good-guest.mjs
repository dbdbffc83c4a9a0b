import { once } from 'node:events';
import { join } from 'node:path';

import autocannon from 'autocannon';

import { jsonPayload } from '../rocket-app.mjs';
import { count, percentile, runProcess, startProcess, withDirectory } from '../support.mjs';
import { figureRow } from '../table.mjs';

const CONNECTIONS = 50;
const REQUESTS_A_SECOND = 500;
const BODY_BYTES = 128;

/** B7: an HTTP route under steady load, while the same app has nothing to consume and while it drains a store. The load comes from this process, the app is another. */
export async function measure({ pick, report }) {
  const messages = pick(50_000, 2_000_000);
  await withDirectory(async (directory) => {
    const path = join(directory, 'store');
    await runProcess('fill', { path, messages, payload: jsonPayload(BODY_BYTES) });
    const app = startProcess('guest-app', { path, messages });
    const { url } = await answer(app, 'listening');
    await underLoad(url, () => sleep(pick(500, 2000)));

    const idle = await underLoad(url, async () => {
      await ask(app, 'watch', 'watching');
      await sleep(pick(2000, 8000));
      return ask(app, 'report', 'report');
    });
    const drain = await underLoad(url, async () => {
      await ask(app, 'watch', 'watching');
      return ask(app, 'drain', 'drained');
    });
    app.send('close');
    await once(app, 'exit');

    const work = `${REQUESTS_A_SECOND} requests/s while ${count(messages)} messages drain`;
    const p99Ms = (load) => percentile(load.latenciesMs, 0.99);
    report(
      figureRow(
        `p99 of ${work}`,
        p99Ms(drain) / p99Ms(idle),
        '× idle',
        { atMost: 3 },
        {
          drainP99Ms: p99Ms(drain),
          idleP99Ms: p99Ms(idle),
          drainP50Ms: percentile(drain.latenciesMs, 0.5),
          idleP50Ms: percentile(idle.latenciesMs, 0.5),
          requests: drain.latenciesMs.length,
          drainedPerSecond: (messages * 1000) / drain.tookMs,
        },
      ),
    );
    report(
      figureRow(
        'longest delay of the event loop meanwhile',
        drain.said.maxMs,
        'ms',
        { atMost: 20 },
        {
          p99Ms: drain.said.p99Ms,
          idleMaxMs: idle.said.maxMs,
          longestCpuMs: drain.said.longestCpuMs,
          idleLongestCpuMs: idle.said.longestCpuMs,
        },
      ),
    );
  });
}

/**
 * Does `work` while requests come in. autocannon sends what a second is to bring as fast as it can at the second's beginning; many of it, of one connection each and begun one after the
 * other, make an even load.
 */
async function underLoad(url, work) {
  const latenciesMs = [];
  let isCounted = false;
  const loads = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const load = autocannon({
      url,
      connections: 1,
      overallRate: REQUESTS_A_SECOND / CONNECTIONS,
      duration: 3600,
      sampleInt: 100,
    });
    load.on('response', (client, statusCode, bytes, tookMs) => {
      if (statusCode !== 200) throw new Error(`The route answered ${statusCode}`);
      if (isCounted) latenciesMs.push(tookMs);
    });
    loads.push(load);
    await sleep(1000 / CONNECTIONS);
  }
  isCounted = true;
  const startedMs = performance.now();
  const said = await work();
  const tookMs = performance.now() - startedMs;
  isCounted = false;
  for (const load of loads) load.stop();
  await Promise.all(loads);
  return { latenciesMs: latenciesMs.toSorted((a, b) => a - b), tookMs, said };
}

async function ask(app, order, event) {
  const answered = answer(app, event);
  app.send(order);
  return answered;
}

/** @throws when the app ends before */
async function answer(app, event) {
  const ended = new AbortController();
  const exit = once(app, 'exit', { signal: ended.signal }).then(([code]) => {
    throw new Error(`The app ended with ${code} before it was ${event}`);
  });
  const message = (async () => {
    for (;;) {
      const [said] = await once(app, 'message', { signal: ended.signal });
      if (said.event === event) return said;
    }
  })();
  try {
    return await Promise.race([message, exit]);
  } finally {
    exit.catch(() => undefined);
    ended.abort();
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
