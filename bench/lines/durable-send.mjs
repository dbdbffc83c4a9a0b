import { join } from 'node:path';

import { measureFloor } from '../floor.mjs';
import { jsonPayload, withApp } from '../rocket-app.mjs';
import { inTurn, keepInFlight, measured, recordBytesOf, withBroker, withDirectory } from '../support.mjs';
import { ratioRow } from '../table.mjs';

const TOPIC = 'bench';
const BODY_BYTES = [128, 1024];
const ROUNDS = 3;
/** Calls of a round by number in flight: each takes a good half second. */
const CALLS = [
  [1, 2000],
  [16, 15_000],
  [256, 80_000],
  [4096, 98_304],
];

/** B1: sends that resolve when they are on disk, by number in flight, against raw write + fdatasync of groups of that size. */
export async function measure({ pick, report }) {
  for (const bodyBytes of BODY_BYTES) {
    for (const [inFlight, calls] of CALLS) {
      const work = { inFlight, calls: Math.max(inFlight * 2, calls * pick(0.1, 1)) };
      report(
        await withBroker((broker, directory) => {
          const message = { topic: TOPIC, body: Buffer.alloc(bodyBytes, 'b') };
          const what = `engine, ${bodyBytes} B, ${inFlight} in flight`;
          return compare(what, directory, work, 0.6, () => broker.send(message));
        }),
      );
    }
  }
  for (const bodyBytes of BODY_BYTES) {
    const payload = jsonPayload(bodyBytes);
    for (const [inFlight, calls] of CALLS) {
      const work = { inFlight, calls: Math.max(inFlight * 2, calls * pick(0.1, 1)) };
      report(
        await withDirectory((directory) =>
          withApp({ path: join(directory, 'store') }, ({ template }) => {
            const what = `RocketTemplate, JSON of ${bodyBytes} B, ${inFlight} in flight`;
            return compare(what, directory, work, 0.4, () => template.syncSend(TOPIC, payload));
          }),
        ),
      );
    }
  }
}

/** The floor writes records of the same size in the same groups, before each round of sends. */
async function compare(what, directory, { inFlight, calls }, atLeast, send) {
  const recordBytes = await recordBytesOf(send);
  await keepInFlight(inFlight, Math.min(calls, 20_000), send);
  const work = { groupSize: inFlight, recordBytes, totalRecords: calls };
  const [floor, sends] = await inTurn(
    ROUNDS,
    async () => ({ rate: await measureFloor(directory, work) }),
    () => measured(calls, () => keepInFlight(inFlight, calls, send)),
  );
  return ratioRow(what, sends, { floor: floor.rate, atLeast }, { recordBytes });
}
