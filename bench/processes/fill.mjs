// Fills a store and closes it: `{ path, messages, bodyBytes, topics, keys }`. Says when it has begun, for who wants to kill it. With `payload` it is sent as an app sends it.
import { withApp } from '../rocket-app.mjs';
import { keepInFlight, openBroker } from '../support.mjs';

const IN_FLIGHT = 4096;
const { path, messages, bodyBytes, topics = ['bench'], keys, payload } = JSON.parse(process.argv[2]);

if (payload === undefined) {
  const broker = await openBroker(path);
  const body = Buffer.alloc(bodyBytes, 'b');
  let sent = 0;
  process.send('open');
  await keepInFlight(IN_FLIGHT, messages, () => {
    const number = sent++;
    return broker.send({ topic: topics[number % topics.length], body, ...(keys && { keys: `k${number}` }) });
  });
  await broker.close();
} else {
  await withApp({ path }, ({ template }) =>
    keepInFlight(IN_FLIGHT, messages, () => template.syncSend(topics[0], payload)),
  );
}
process.disconnect();
