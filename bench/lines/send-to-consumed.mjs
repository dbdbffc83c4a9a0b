import { measureFloor } from '../floor.mjs';
import { countingConsumer, keepInFlight, recordBytes, withBroker } from '../support.mjs';

const TOPIC = 'bench';
const IN_FLIGHT = 256;

/** B2: from the first send to the last handler's end, with one group and with three. */
export async function* sendToConsumed({ scale }) {
  for (const groups of [1, 3]) {
    for (const bodyBytes of [128, 1024]) {
      const records = Math.round(300_000 * scale);
      yield await withBroker(async (broker, directory) => {
        const message = { topic: TOPIC, body: Buffer.alloc(bodyBytes, 'b') };
        const consumed = consumption(groups);
        for (let i = 0; i < groups; i++) {
          await broker.subscribe(countingConsumer(`group-${i}`, TOPIC, () => consumed.count()));
        }
        const warmUp = Math.min(records, 20_000);
        await keepInFlight(IN_FLIGHT, warmUp, () => broker.send(message));
        await consumed.reached(warmUp);
        const work = { groupSize: IN_FLIGHT, recordBytes: recordBytes(TOPIC, bodyBytes), totalRecords: records };
        const floor = await measureFloor(directory, work);
        const startedMs = performance.now();
        await keepInFlight(IN_FLIGHT, records, () => broker.send(message));
        await consumed.reached(warmUp + records);
        const rate = (records * 1000) / (performance.now() - startedMs);
        const what = `${bodyBytes} B, ${IN_FLIGHT} in flight, ${groups} group${groups > 1 ? 's' : ''}`;
        return { line: 'B2 send → consumed', what, rate, floor };
      });
    }
  }
}

/** Counts deliveries of all groups, and tells when each group has had a number of messages. */
function consumption(groups) {
  let handled = 0;
  let wanted = Infinity;
  let onReached = () => undefined;
  return {
    count() {
      if (++handled >= wanted) onReached();
    },
    reached(messages) {
      wanted = messages * groups;
      if (handled >= wanted) return Promise.resolve();
      return new Promise((resolve) => (onReached = resolve));
    },
  };
}
