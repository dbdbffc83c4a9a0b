import { setTimeout as delay } from 'node:timers/promises';

import {
  clientArguments,
  distribution,
  jarVersion,
  java,
  missingServer,
  nameServerAddress,
  serverConfiguration,
  serverVersion,
  startRocketmq,
  TOPIC,
} from './lib/rocketmq-server.mjs';
import { ServerProcess } from './lib/server-process.mjs';

const QUEUES = 8;
const CONSUMER_THREADS = 20;
/** They report the mean of the last ten seconds, and nothing before there are ten. */
const WINDOW_MS = 10_000;
const PACKAGE = 'org.apache.rocketmq.example.benchmark';

const hasTools = () => distribution() !== undefined && jarVersion('example') !== undefined;

/** @type {import('./index.mjs').Peer} */
export const rocketmqJava = {
  name: 'rocketmq-java',
  title: 'Apache RocketMQ, its Java benchmark',
  howToGet:
    'the benchmark tools are in the binary distribution of Apache RocketMQ 5.3.x alone (rocketmq-example is not on Maven Central): unpack it and set ROCKETMQ_HOME',
  missing: () => [...missingServer(), ...(hasTools() ? [] : ['rocketmq-example in $ROCKETMQ_HOME/lib'])],
  versions: () => ({ server: serverVersion(), client: `rocketmq-example ${jarVersion('example')}` }),
  setups: [
    { name: 'SYNC_FLUSH', flushDiskType: 'SYNC_FLUSH', isSyncedBeforeAck: true },
    { name: 'ASYNC_FLUSH', flushDiskType: 'ASYNC_FLUSH', isSyncedBeforeAck: false },
  ],
  configuration: (setup) => [
    ...serverConfiguration(setup, QUEUES),
    `producer and consumer are a JVM each: a thread for each send in flight, ${CONSUMER_THREADS} consumer threads; rate: the lower of what both report, no latency`,
  ],
  start: (setup, place) => startRocketmq(setup, place, QUEUES),

  async measure(_setup, place, { bodyBytes, inFlight, warmUpMs, rounds, roundMs }) {
    const run = (name, ...args) => {
      const common = ['-n', nameServerAddress(place), '-t', TOPIC, '-ri', '1000'];
      const all = clientArguments(place, `${PACKAGE}.${name}`, ...common, ...args.map(String));
      return new ServerProcess(java(), all, { directory: place.directory });
    };
    const consumer = run('Consumer', '-w', CONSUMER_THREADS);
    const producer = run('Producer', '-w', inFlight, '-s', bodyBytes);
    try {
      await producer.until(() => reports(producer, 'Send TPS').length > 0, 'report');
      await delay(warmUpMs);
      const rates = [];
      for (let i = 0; i < rounds; i++) {
        await delay(Math.max(roundMs, WINDOW_MS));
        const latest = [reports(producer, 'Send TPS'), reports(consumer, 'Consume TPS')].map((all) => all.at(-1) ?? 0);
        rates.push(Math.min(...latest));
      }
      const messagesPerSecond = rates.toSorted((a, b) => a - b)[Math.floor(rounds / 2)];
      return { messagesPerSecond, rounds: rates, latencies: [] };
    } finally {
      await producer.stop();
      await consumer.stop();
    }
  },
};

/** The rates that a benchmark tool has printed so far. */
function reports({ log }, what) {
  return [...log.matchAll(new RegExp(`${what}: (\\d+)`, 'g'))].map(([, rate]) => Number(rate));
}
