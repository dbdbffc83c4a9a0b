// Opens a store, and says how long it took and how much of the log was read again: `{ path }`.
import { EmbeddedBroker } from 'nestjs-rocket/engine';

const { path } = JSON.parse(process.argv[2]);
const lines = [];
const keep = (line) => lines.push(line);
const logger = { debug() {}, log: keep, warn: keep, error: keep };
const broker = new EmbeddedBroker({ store: { path } }, { logger });
const cpuBefore = process.cpuUsage();
const startedMs = performance.now();
await broker.start();
const tookMs = performance.now() - startedMs;
const { user, system } = process.cpuUsage(cpuBefore);
const scanned = lines.map((line) => /: (\d+) bytes of the log were read again/.exec(line)?.[1]).find(Boolean);
process.send({ tookMs, cpuMs: (user + system) / 1000, scannedBytes: Number(scanned ?? 0) });
await broker.close();
process.disconnect();
