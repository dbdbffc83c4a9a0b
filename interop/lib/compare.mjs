// Compares what two engines say of one store. Each function gives a list of differences; an empty one means equal.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { sha256 } from './engine-side.mjs';
import { ORDER_QUEUES } from './plan.mjs';

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
  return Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)));
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
  const there = new Map(delivered.map((message) => [placeInQueue(message), message]));
  const differences = [];
  let checked = 0;
  for (const result of results) {
    for (const sent of sentAtOnce(steps.get(result.id), result)) {
      checked++;
      const message = there.get(placeInQueue(sent));
      differences.push(
        ...(message === undefined ? [`${result.id} is not at ${placeInQueue(sent)}`] : sentDifferences(sent, message)),
      );
    }
  }
  return { differences, checked };
}

const placeInQueue = ({ topic, queueId, queueOffset }) => `${topic} ${queueId} ${queueOffset}`;

/** The messages of a step with their places; none for what goes elsewhere first, or to a topic that no client can pull. */
function sentAtOnce(step, result) {
  if (step?.topic === undefined || step.topic.startsWith('%RETRY%')) {
    return [];
  }
  if (step.delayLevel > 0 || step.delayMs > 0 || step.deliverAfterMs > 0) {
    return [];
  }
  const { id, queueId, queueOffset, msgId } = result;
  switch (step.op) {
    case 'put':
      return [{ ...step, tags: undefined, keys: undefined, id, queueId, queueOffset, isPut: true }];
    case 'send':
      return [{ ...step, id, queueId, queueOffset, msgId }];
    case 'batch':
      return step.messages.map((message, index) => ({
        ...message,
        id: `${id}[${index}]`,
        queueId,
        queueOffset: queueOffset + index,
      }));
    default:
      return [];
  }
}

function sentDifferences(sent, message) {
  const wanted = {
    bodySha256: sha256(Buffer.from(sent.body, 'base64')),
    ...(sent.isPut ? {} : { tags: sent.tags, keys: sent.keys, flag: sent.flag ?? 0 }),
    ...(sent.msgId === undefined ? {} : { msgId: sent.msgId }),
  };
  const differences = Object.entries(wanted)
    .filter(([field, value]) => message[field] !== value)
    .map(([field, value]) => `${sent.id} ${field}: sent ${value}, got ${message[field]}`);
  for (const [name, value] of Object.entries(sent.properties ?? {})) {
    if (message.properties[name] !== value) {
      differences.push(`${sent.id} property ${name}: sent ${value}, got ${message.properties[name]}`);
    }
  }
  if (sent.hashKey !== undefined && sent.queueId !== queueOfHashKey(sent.hashKey, ORDER_QUEUES)) {
    differences.push(
      `${sent.id} went to queue ${sent.queueId}, the key ${sent.hashKey} belongs to ${queueOfHashKey(sent.hashKey, ORDER_QUEUES)}`,
    );
  }
  return differences;
}

/** RocketMQ's SelectMessageQueueByHash: |String.hashCode % queues|. Who moves to a cluster keeps the order of each key. */
function queueOfHashKey(key, queueNums) {
  let hash = 0;
  for (let index = 0; index < key.length; index++) {
    hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0;
  }
  return Math.abs(hash % queueNums);
}

/** Every acknowledged message is in the store, under its unique id. */
export function lostMessages(results, dump) {
  const ids = new Set(dump.records.map((record) => record.properties.UNIQ_KEY));
  return results
    .filter(
      (result) =>
        result.msgId !== undefined && !result.msgId.split(',').some((id) => ids.has(id)) && result.op !== 'batch',
    )
    .map((result) => `${result.id} ${result.msgId}`);
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
    return missing.length === 0 || physicalOffsets.length >= 64
      ? []
      : [`${topic}#${key} does not find ${missing.join(', ')}`];
  });
}

const ENTRY_BYTES = 20;

/** Every entry in the consume queue files of the first store is in the second one's, byte for byte. The second may have more behind. */
export function queueFileDifferences(firstDir, secondDir) {
  const differences = [];
  let bytes = 0;
  for (const file of queueFiles(firstDir)) {
    const whole = readFileSync(path.join(firstDir, 'consumequeue', file));
    const first = whole.subarray(0, endOfEntries(whole));
    const otherFile = path.join(secondDir, 'consumequeue', file);
    if (first.length === 0) {
      continue;
    }
    const other = existsSync(otherFile) ? readFileSync(otherFile) : Buffer.alloc(0);
    if (other.length !== whole.length) {
      differences.push(`${file}: ${whole.length} and ${other.length} bytes`);
    } else if (!first.equals(other.subarray(0, first.length))) {
      differences.push(`${file} differs at byte ${first.findIndex((byte, index) => byte !== other[index])}`);
    }
    bytes += first.length;
  }
  return { differences, bytes };
}

/** Behind the last entry everything is zero; an entry is never, for it has a size. */
function endOfEntries(bytes) {
  let end = bytes.length;
  while (end > 0 && bytes.readInt32BE(end - ENTRY_BYTES + 8) === 0) {
    end -= ENTRY_BYTES;
  }
  return end;
}

function queueFiles(storeDir) {
  const root = path.join(storeDir, 'consumequeue');
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}
