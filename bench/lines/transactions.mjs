import { inTurn, keepInFlight, measured, withBroker } from '../support.mjs';
import { ratioRow } from '../table.mjs';

const TOPIC = 'bench';
const IN_FLIGHT = 256;
const ROUNDS = 3;

/** B6: half message and commit, each on disk, against plain durable sends (B1) with as many in flight on the same store. */
export async function measure({ pick, report }) {
  const transactions = pick(5000, 40_000);
  const sends = pick(20_000, 80_000);
  for (const bodyBytes of [128, 1024]) {
    report(
      await withBroker(async (broker) => {
        const message = { topic: TOPIC, body: Buffer.alloc(bodyBytes, 'b') };
        const send = () => broker.send(message);
        const transact = async () => {
          const { transactionId } = await broker.sendHalf(message, 'bench-producer');
          await broker.endTransaction(transactionId, 'COMMIT');
        };
        await keepInFlight(IN_FLIGHT, Math.min(sends, 20_000), send);
        await keepInFlight(IN_FLIGHT, Math.min(transactions, 10_000), transact);
        const [plain, committed] = await inTurn(
          ROUNDS,
          () => measured(sends, () => keepInFlight(IN_FLIGHT, sends, send)),
          () => measured(transactions, () => keepInFlight(IN_FLIGHT, transactions, transact)),
        );
        const what = `half + commit, ${bodyBytes} B, ${IN_FLIGHT} in flight`;
        return ratioRow(what, committed, { against: 'B1', floor: plain.rate, atLeast: 0.25 });
      }),
    );
  }
}
