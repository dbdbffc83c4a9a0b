// Compares what two engines say of one store. Each function gives a list of differences; an empty one means equal.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { sha256 } from './engine-side.mjs';

const placeOf = (line) => `${line.topic} ${line.queueId} ${line.entryOffset}`;

/** Every field of every record of `first` is in `second`, at the same place. `second` may have more behind it. */
export function recordDifferences(first, second) {
  const there = new Map(second.records.map((record) => [placeOf(record), record]));
  const differences = [];
  for (const record of first.records) {
    const other = there.get(placeOf(record));
    if (other === undefined) {
      differences.push(`${placeOf(record)} is missing`);
    } else {
      differences.push(...fieldDifferences(placeOf(record), record, other));
    }
  }
  return differences;
}

function fieldDifferences(place, first, second) {
  return Object.keys(first)
    .filter((field) => JSON.stringify(sortedKeys(first[field])) !== JSON.stringify(sortedKeys(second[field])))
    .map((field) => `${place} ${field}: ${JSON.stringify(first[field])} and ${JSON.stringify(second[field])}`);
}

function sortedKeys(value) {
  if (value === null || typeof value !== 'object') {
    return value;
  }
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Queues begin at the same offset and hold as much. `grown`: those of `second` may hold more. */
export function queueDifferences(first, second, { grown = false } = {}) {
  const there = new Map(second.queues.map((queue) => [`${queue.topic} ${queue.queueId}`, queue]));
  return first.queues
    .filter((queue) => queue.maxOffset > 0)
    .flatMap((queue) => {
      const other = there.get(`${queue.topic} ${queue.queueId}`);
      const same =
        other !== undefined &&
        other.minOffset === queue.minOffset &&
        (grown ? other.maxOffset >= queue.maxOffset : other.maxOffset === queue.maxOffset);
      return same ? [] : [`${JSON.stringify(queue)} and ${JSON.stringify(other)}`];
    });
}

/** Each line of `first` is in `second`, which may have more (a broker's own topics and groups). */
export function lineDifferences(first, second, fields) {
  const text = (line) => JSON.stringify(fields.map((field) => line[field]));
  const there = new Set(second.map(text));
  return first.filter((line) => !there.has(text(line))).map((line) => `${text(line)} is missing`);
}

/** What was asked for is what arrived: each message that the plan sent at once, at the place that the sender was told. */
export function planDifferences(plan, results, delivered) {
  const steps = new Map(plan.map((step) => [step.id, step]));
  const there = new Map(delivered.map((message) => [`${message.topic} ${message.queueId} ${message.queueOffset}`, message]));
  const differences = [];
  let checked = 0;
  for (const result of results) {
    const step = steps.get(result.id);
    if (step === undefined || (result.op !== 'send' && result.op !== 'put') || step.delayLevel > 0 || step.delayMs > 0) {
      continue;
    }
    if (step.topic.startsWith('%RETRY%')) {
      continue;
    }
    checked++;
    const message = there.get(`${step.topic} ${result.queueId} ${result.queueOffset}`);
    if (message === undefined) {
      differences.push(`${step.id} is not at ${step.topic} ${result.queueId} ${result.queueOffset}`);
      continue;
    }
    const wanted = {
      bodySha256: sha256(Buffer.from(step.body, 'base64')),
      ...(step.op === 'send' ? { tags: step.tags, keys: step.keys, flag: step.flag ?? 0, msgId: result.msgId } : {}),
    };
    for (const [field, value] of Object.entries(wanted)) {
      if (message[field] !== value) {
        differences.push(`${step.id} ${field}: sent ${value}, got ${message[field]}`);
      }
    }
    for (const [name, value] of Object.entries(step.properties ?? {})) {
      if (message.properties[name] !== value) {
        differences.push(`${step.id} property ${name}: sent ${value}, got ${message.properties[name]}`);
      }
    }
  }
  return { differences, checked };
}

/** Every acknowledged message is in the store, under its unique id. */
export function lostMessages(results, dump) {
  const ids = new Set(dump.records.map((record) => record.properties.UNIQ_KEY));
  return results.filter((result) => result.msgId !== undefined && !result.msgId.split(',').some((id) => ids.has(id)) && result.op !== 'batch').map((result) => `${result.id} ${result.msgId}`);
}

/** A look-up by each key finds exactly the records that carry it. */
export function keyQueryDifferences(dump) {
  const wanted = new Map();
  for (const record of dump.records) {
    const { UNIQ_KEY, KEYS } = record.properties;
    for (const key of [UNIQ_KEY, ...(KEYS ?? '').split(' ')]) {
      if (key !== undefined && key !== '') {
        const name = `${record.topic}#${key}`;
        wanted.set(name, (wanted.get(name) ?? new Set()).add(record.physicalOffset));
      }
    }
  }
  return dump.keyQueries.flatMap(({ topic, key, physicalOffsets }) => {
    const missing = [...(wanted.get(`${topic}#${key}`) ?? [])].filter((offset) => !physicalOffsets.includes(offset));
    // The broker answers with at most 64.
    return missing.length === 0 || physicalOffsets.length >= 64 ? [] : [`${topic}#${key} does not find ${missing.join(', ')}`];
  });
}

/** The consume queue files of two stores have the same bytes. */
export function queueFileDifferences(firstDir, secondDir) {
  const differences = [];
  let bytes = 0;
  for (const file of queueFiles(firstDir)) {
    const first = readFileSync(path.join(firstDir, 'consumequeue', file));
    let second;
    try {
      second = readFileSync(path.join(secondDir, 'consumequeue', file));
    } catch {
      // The real broker makes a queue's next file when it is needed, ours may have made it before.
      if (first.some((byte) => byte !== 0)) {
        differences.push(`${file} is missing`);
      }
      continue;
    }
    bytes += first.length;
    if (!first.equals(second)) {
      const at = first.findIndex((byte, index) => byte !== second[index]);
      differences.push(`${file} (${first.length} and ${second.length} bytes) differs at byte ${at}`);
    }
  }
  return { differences, bytes };
}

function queueFiles(storeDir) {
  const root = path.join(storeDir, 'consumequeue');
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}
