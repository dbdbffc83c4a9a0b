// The work that every broker does: the same for all, through the client that its file connects.
import { setTimeout as delay } from 'node:timers/promises';

import { percentile } from '../../percentile.mjs';
import { Deliveries } from './deliveries.mjs';
import { payloadOf } from './payload.mjs';

/** Later than this, what is sent at a fixed rate is not kept up with. */
const MOST_BACKLOG_SECONDS = 5;
/** At a fixed rate the first messages pay for what had gone to sleep. */
const SETTLING_MS = 1000;

/**
 * @param {import('../index.mjs').Client} client
 * @param {import('../index.mjs').Work} work
 */
export async function measure(client, work) {
  const deliveries = new Deliveries();
  await client.consume((id) => deliveries.onHandled(id));
  await sendToConsumed(client, deliveries, work, work.warmUpMs);
  const rounds = [];
  for (let i = 0; i < work.rounds; i++) {
    await delay(work.restMs);
    rounds.push(await sendToConsumed(client, deliveries, work, work.roundMs));
  }
  const messagesPerSecond = rounds.toSorted((a, b) => a - b)[Math.floor(rounds.length / 2)];
  const latencies = [];
  for (const ratePerSecond of work.ratesPerSecond) {
    if (ratePerSecond > messagesPerSecond) {
      latencies.push({ ratePerSecond, kept: false });
      continue;
    }
    await delay(work.restMs);
    latencies.push(await latency(client, deliveries, work, ratePerSecond));
  }
  return { messagesPerSecond, rounds, latencies, messages: deliveries.sent, repeated: deliveries.repeated };
}

/**
 * Keeps so many sends in flight for a while, each resolved when the broker has taken the message, and waits for the last handler.
 *
 * @returns {Promise<number>} messages a second, from the first send to the last handler
 */
async function sendToConsumed(client, deliveries, { inFlight, bodyBytes }, durationMs) {
  const startedMs = performance.now();
  const before = deliveries.sent;
  const sender = async () => {
    while (performance.now() - startedMs < durationMs) {
      await client.send(payloadOf(deliveries.begin(), bodyBytes));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, sender));
  await deliveries.all();
  return ((deliveries.sent - before) * 1000) / (deliveries.lastHandledAtMs - startedMs);
}

/**
 * Sends at a fixed rate, whatever the broker does. Latency counts from the call of `send` to the handler; `p99FromDueMs` from when the message was due, so it has also what
 * keeps this process from sending in time.
 */
async function latency(client, deliveries, { bodyBytes, latencyMs }, ratePerSecond) {
  const first = deliveries.sent;
  const wanted = Math.round((ratePerSecond * latencyMs) / 1000);
  const startedMs = performance.now();
  const dueAtMs = (id) => startedMs + ((id - first) * 1000) / ratePerSecond;
  const sends = [];
  while (deliveries.sent - first < wanted) {
    while (deliveries.sent - first < wanted && dueAtMs(deliveries.sent) <= performance.now()) {
      sends.push(client.send(payloadOf(deliveries.begin(), bodyBytes)));
    }
    if (deliveries.sent - deliveries.handled > ratePerSecond * MOST_BACKLOG_SECONDS) break;
    await delay(1);
  }
  await Promise.all(sends);
  await deliveries.all();
  const tookMs = deliveries.lastHandledAtMs - startedMs;
  const kept = deliveries.sent - first === wanted && tookMs < latencyMs * 1.1 + 1000;
  const settled = first + Math.round((ratePerSecond * Math.min(SETTLING_MS, latencyMs / 4)) / 1000);
  const ids = Array.from({ length: deliveries.sent - settled }, (_, i) => settled + i);
  const fromSend = ids.map((id) => deliveries.handledAtMs(id) - deliveries.sentAtMs(id)).toSorted((a, b) => a - b);
  const fromDue = ids.map((id) => deliveries.handledAtMs(id) - dueAtMs(id)).toSorted((a, b) => a - b);
  return {
    ratePerSecond,
    kept,
    messages: ids.length,
    p50Ms: percentile(fromSend, 0.5),
    p99Ms: percentile(fromSend, 0.99),
    maxMs: fromSend.at(-1),
    p99FromDueMs: percentile(fromDue, 0.99),
  };
}
