// Opens a store and consumes what is there: `{ path, messages, topic, group }`. Watches its memory meanwhile.
import { consumeBacklog, memoryAfterGc, openBroker } from '../support.mjs';

const { path, messages, topic, group } = JSON.parse(process.argv[2]);
const broker = await openBroker(path);
await broker.whenIdle();
memoryAfterGc();
const idle = process.memoryUsage();
const peak = { ...idle };
const watch = setInterval(() => {
  for (const [name, bytes] of Object.entries(process.memoryUsage())) peak[name] = Math.max(peak[name], bytes);
}, 5);
const result = await consumeBacklog(broker, { group, topic, messages });
clearInterval(watch);
process.send({
  ...result,
  idleRss: idle.rss,
  peakRss: peak.rss,
  idleHeap: idle.heapTotal,
  peakHeap: peak.heapTotal,
  idleBuffers: idle.external,
  peakBuffers: peak.external,
});
await broker.close();
process.disconnect();
