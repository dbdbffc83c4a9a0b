import type { RocketApp } from './rocket-app.js';

const PROBE_TOPIC = 'probe';

/**
 * Does something, and proves that it left nothing in the store: no record in the commit log, whatever its topic, and no new topic. Two messages of one size that
 * are sent one after the other tell how far apart records lie; one that is sent afterwards must lie as far from the last.
 */
export async function expectNothingWritten(app: RocketApp, work: () => Promise<unknown>): Promise<void> {
  const first = await endOfLog(app);
  const second = await endOfLog(app);
  const topicsBefore = topicsOf(app);
  await work();
  await app.broker.whenIdle();
  expect(topicsOf(app)).toEqual(topicsBefore);
  expect((await endOfLog(app)) - second).toBe(second - first);
}

/** The place that the log gives to a message that is sent now. An offset id is 8 digits of address, 8 of port, and 16 of the place. */
async function endOfLog({ broker }: RocketApp): Promise<number> {
  const { offsetMsgId } = await broker.send({ topic: PROBE_TOPIC, body: Buffer.from('x'), queueId: 0 });
  return Number.parseInt(offsetMsgId.slice(16), 16);
}

function topicsOf({ broker }: RocketApp): string[] {
  return broker.admin.topics.list({ all: true }).map(({ topic }) => topic);
}
