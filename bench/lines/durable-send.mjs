import { measureFloor } from '../floor.mjs';
import { keepInFlight, recordBytes, withBroker } from '../support.mjs';

const TOPIC = 'bench';

/** B1: sends that resolve when they are on disk, by number in flight, against raw write + fdatasync of groups of that size. */
export async function* durableSend({ scale }) {
  for (const bodyBytes of [128, 1024]) {
    for (const [inFlight, total] of [
      [1, 3000],
      [16, 40_000],
      [256, 300_000],
      [4096, 400_000],
    ]) {
      const records = Math.max(inFlight * 4, Math.round(total * scale));
      yield await withBroker(async (broker, directory) => {
        const message = { topic: TOPIC, body: Buffer.alloc(bodyBytes, 'b') };
        await keepInFlight(inFlight, Math.min(records, 20_000), () => broker.send(message));
        const work = { groupSize: inFlight, recordBytes: recordBytes(TOPIC, bodyBytes), totalRecords: records };
        const floor = await measureFloor(directory, work);
        const rate = await keepInFlight(inFlight, records, () => broker.send(message));
        return { line: 'B1 durable send', what: `${bodyBytes} B, ${inFlight} in flight`, rate, floor };
      });
    }
  }
}
