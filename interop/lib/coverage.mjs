// What a long plan must have brought into a store, so that a comparison of it means something.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { names } from './plan.mjs';

const MAX_BODY_BYTES = 4 * 1024 * 1024;
const WAITING = ['SCHEDULE_TOPIC_XXXX', 'rmq_sys_wheel_timer'];
const isWaiting = ({ topic }) => WAITING.includes(topic);

const kinds = {
  'without a tag': ({ topic, properties }) => topic === names.plain && properties.TAGS === undefined,
  'with a tag': ({ topic, properties }) => topic === names.plain && properties.TAGS === 'TagA',
  'with several keys': ({ properties }) => properties.KEYS?.includes(' '),
  'with non-ASCII tag': ({ properties }) => properties.TAGS === '中文',
  'with non-ASCII properties': ({ properties }) => properties.城市 === '東京',
  'without properties': ({ properties }) => Object.keys(properties).length === 0,
  'of an order': ({ topic }) => topic === names.orders,
  'waiting for a delay level': ({ topic }) => topic === 'SCHEDULE_TOPIC_XXXX',
  'delivered by a delay level': (record) => record.properties.TAGS === 'soon' && !isWaiting(record),
  'waiting for a time': ({ topic }) => topic === 'rmq_sys_wheel_timer',
  'delivered at a time': (record) => record.properties.TIMER_OUT_MS !== undefined && !isWaiting(record),
  half: ({ topic }) => topic === 'RMQ_SYS_TRANS_HALF_TOPIC',
  committed: ({ sysFlag }) => (sysFlag & 0xc) === 0x8,
  retried: ({ topic, reconsumeTimes }) => topic.startsWith('%RETRY%') && reconsumeTimes > 0,
  dead: ({ topic }) => topic.startsWith('%DLQ%'),
  compressed: ({ sysFlag }) => (sysFlag & 1) !== 0,
  'in a topic of 127 bytes': ({ topic }) => topic.length === 127,
  'in a retry topic of 200 bytes': ({ topic }) => topic.startsWith('%RETRY%') && topic.length === 200,
  'with a body of 1 byte': ({ bodyLength }) => bodyLength === 1,
  'with a body of 4 MiB': ({ bodyLength }) => bodyLength === MAX_BODY_BYTES,
};

/** @returns the kinds that are missing, and how many records of each there are */
export function coverage(dump, storeDir) {
  const counts = Object.entries(kinds).map(([kind, isOfKind]) => [kind, dump.records.filter(isOfKind).length]);
  const files = {
    'files of the log': filesIn(storeDir, 'commitlog'),
    'files of a queue': filesIn(storeDir, `consumequeue/${names.plain}/0`),
    'files of the index': filesIn(storeDir, 'index'),
  };
  return {
    missing: [
      ...counts.filter(([, count]) => count === 0).map(([kind]) => `no message ${kind}`),
      ...Object.entries(files)
        .filter(([, count]) => count < 2)
        .map(([what, count]) => `${count} ${what}`),
    ],
    figures: [...counts, ...Object.entries(files)].map(([what, count]) => `${count} ${what}`).join(', '),
  };
}

const filesIn = (storeDir, directory) => readdirSync(path.join(storeDir, directory)).length;
