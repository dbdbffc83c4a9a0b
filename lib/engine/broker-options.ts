import { isIPv4 } from 'node:net';

import { InvalidOptionError } from '../errors/index.js';
import {
  checkTimerOptions,
  DEFAULT_MESSAGE_DELAY_LEVEL,
  DEFAULT_TIMER_OPTIONS,
  DelayLevelTable,
  type TimerOptions,
} from './delivery/index.js';
import { checkFlag, checkInteger, checkName, checkPositive, checkText } from './option-checks.js';
import { deletionHours, MAX_BODY_BYTES, type FlushDiskType, type RetentionOptions } from './store/index.js';
import { DEFAULT_TRANSACTION_OPTIONS, type TransactionOptions } from './transaction/index.js';

/** Options of the embedded broker. Each has a default that works. */
export interface BrokerOptions {
  readonly store?: StoreLocationOptions | undefined;
  /** Name of the broker in message queues. Default `broker-a`, RocketMQ's own. */
  readonly brokerName?: string | undefined;
  /**
   * `ip:port` that stands in records and in offset ids; nothing listens there. Default `127.0.0.1:10911`. Give the address of the broker that
   * will take the store over, if one will.
   */
  readonly brokerHost?: string | undefined;
  /** Topics are created by the first message sent to them. Default true. RocketMQ: `autoCreateTopicEnable`. */
  readonly autoCreateTopics?: boolean | undefined;
  /** Queues of a topic that a message creates. Default 4. */
  readonly defaultTopicQueueNums?: number | undefined;
  /** Largest body of a message. Default and upper limit: 4 MiB. RocketMQ: `maxMessageSize`. */
  readonly maxMessageSizeBytes?: number | undefined;
  /** Bodies of this size and above are compressed (zlib), where that makes them smaller. Default 4096. RocketMQ: `compressMsgBodyOverHowmuch`. */
  readonly compressMsgBodyOverBytes?: number | undefined;
  /** Delay of level 1, 2, …, as in RocketMQ. Default `1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h`. */
  readonly messageDelayLevel?: string | undefined;
  /**
   * Longest delay that a message may ask for with `delayMs` or `deliverAtMs`. Default 259,200,000 (3 days), at most 40 days. RocketMQ: `timerMaxDelaySec`.
   */
  readonly timerMaxDelayMs?: number | undefined;
  /**
   * A message that is due later than this is stored again in between, so that no record that waits is older. A multiple of 2000, at most 6 days. Default
   * 172,800,000 (2 days), less when `store.fileReservedTimeHours` is below 72: at most two thirds of it. RocketMQ: `timerRollWindowSlot`, in seconds.
   */
  readonly timerRollWindowMs?: number | undefined;
  /** Longest time that the progress of timers is only in memory: a crash repeats deliveries of this time at most. Default 1000. RocketMQ: `timerFlushIntervalMs`. */
  readonly timerFlushIntervalMs?: number | undefined;
  readonly transaction?:
    { readonly [Name in keyof TransactionOptions]?: TransactionOptions[Name] | undefined } | undefined;
}

export interface StoreLocationOptions {
  /** `file`: on disk. `memory`: the same broker without a disk, for tests; gone with the process. Default `file`. */
  readonly type?: 'file' | 'memory' | undefined;
  /** Directory of the store. Default `./rocket-store`. */
  readonly path?: string | undefined;
  /**
   * `SYNC_FLUSH` (default): a send resolves when its record is on disk; many sends share one fdatasync. `ASYNC_FLUSH`: it resolves when the operating system
   * has the record; a power cut may lose the last half second.
   */
  readonly flushDiskType?: FlushDiskType | undefined;
  /** Size of a commit log file. Default 1 GiB. Fixed for the life of a store. RocketMQ: `mappedFileSizeCommitLog`. */
  readonly mappedFileSizeCommitLogBytes?: number | undefined;
  /** Entries of a consume queue file. Default 300,000. Fixed for the life of a store. RocketMQ: `mappedFileSizeConsumeQueue` / 20. */
  readonly consumeQueueFileEntries?: number | undefined;
  /** Size of a timer log file. Default 100 MiB. Fixed for the life of a store. RocketMQ: `mappedFileSizeTimerLog`. */
  readonly mappedFileSizeTimerLogBytes?: number | undefined;
  /** Youngest part of the log that is held in memory for consumers. Default 32 MiB. */
  readonly tailCacheBytes?: number | undefined;
  /** Sends wait when this much is on its way to the disk. Default 64 MiB. */
  readonly maxUnflushedBytes?: number | undefined;
  /** Longest time between a record and the checkpoint that covers it; bounds the work of opening after a crash. Default 5000. */
  readonly checkpointIntervalMs?: number | undefined;
  /** Files that stay open while nobody reads or writes them. Default 128. */
  readonly maxOpenFiles?: number | undefined;
  /** Messages can be found by their keys and their unique id. Default true. Switched on again, the index is made up for at the next opening. */
  readonly messageIndexEnable?: boolean | undefined;
  /** Hash slots of a file of the key index; they take 4 bytes of memory each. Default 5,000,000 (memory store: 65,536). Fixed for the life of a store. */
  readonly maxHashSlotNum?: number | undefined;
  /** Keys that a file of the key index holds. Default 20,000,000 (memory store: 262,144). Fixed for the life of a store. */
  readonly maxIndexNum?: number | undefined;
  /** A file of the log is removed when its last record is so old. Default 72. Fractions count. RocketMQ: `fileReservedTime`. */
  readonly fileReservedTimeHours?: number | undefined;
  /**
   * Hours of the day, local time, in which expired files are removed, such as `'04'` or `'02;04'`. Default `''`: at any hour, since a process that does not run
   * at four would never remove any. RocketMQ's own default is `04`.
   */
  readonly deleteWhen?: string | undefined;
  /** How often files and disk are looked at. Default 10,000. RocketMQ: `cleanResourceInterval`. */
  readonly cleanResourceIntervalMs?: number | undefined;
  /** Files that one look removes, at most. Default 10. */
  readonly deleteFileBatchMax?: number | undefined;
  /** Percentage of the disk that is used, over which expired files are removed at any hour. Default 75. */
  readonly diskMaxUsedSpaceRatio?: number | undefined;
  /** The same, over which the oldest files are removed though they have not expired, if `cleanFileForciblyEnable` is set. Default 85. */
  readonly diskSpaceCleanForciblyRatio?: number | undefined;
  /** The same, over which sends are refused with `DISK_FULL`, until there is room again. Consumption goes on. Default 90. */
  readonly diskSpaceWarningLevelRatio?: number | undefined;
  /** With so much room left no percentage counts. Default 10 GiB; `Number.MAX_SAFE_INTEGER` is RocketMQ's rule, percentages alone. */
  readonly diskFreeSpaceEnoughBytes?: number | undefined;
  /**
   * On a disk that is nearly full the oldest files may go before their time, and messages with them that nobody has consumed. Default false: the disk is shared with
   * the app, and what fills it may be something else. RocketMQ's own default is true.
   */
  readonly cleanFileForciblyEnable?: boolean | undefined;
}

/** All options with their values. */
export interface ResolvedBrokerOptions {
  readonly store: { readonly [Name in keyof StoreLocationOptions]-?: NonNullable<StoreLocationOptions[Name]> };
  readonly brokerName: string;
  readonly brokerHost: string;
  /** {@link brokerHost} as it stands in records: 4 bytes of address, 4 of port. */
  readonly storeHost: Uint8Array;
  readonly autoCreateTopics: boolean;
  readonly defaultTopicQueueNums: number;
  readonly maxMessageSizeBytes: number;
  readonly compressMsgBodyOverBytes: number;
  readonly messageDelayLevel: string;
  readonly delayLevels: DelayLevelTable;
  readonly timers: TimerOptions;
  readonly transaction: TransactionOptions;
}

/** RocketMQ creates no topic with more queues by itself. */
const MAX_TOPIC_QUEUES = 1024;
const MIN_SEGMENT_BYTES = 4096;
/** Offsets in a file are 32-bit in RocketMQ. */
const MAX_SEGMENT_BYTES = 2 ** 31 - 1;
const MAX_HASH_SLOTS = 100_000_000;

/**
 * Checks options and fills in defaults, once, at the start.
 *
 * @throws InvalidOptionError naming the option, its value, and what it must be
 */
export function resolveBrokerOptions(options: BrokerOptions = {}): ResolvedBrokerOptions {
  const store = options.store ?? {};
  const transaction = options.transaction ?? {};
  const defaults = DEFAULT_TRANSACTION_OPTIONS;
  const retention = retentionOptions(store);
  const timers = resolveTimerOptions(options, retention.fileReservedTimeHours);
  const brokerHost = checkText('brokerHost', options.brokerHost, '127.0.0.1:10911');
  const messageDelayLevel = checkText('messageDelayLevel', options.messageDelayLevel, DEFAULT_MESSAGE_DELAY_LEVEL);
  return Object.freeze({
    store: Object.freeze({
      type: checkName('store.type', store.type, ['file', 'memory']),
      path: checkText('store.path', store.path, './rocket-store'),
      flushDiskType: checkName('store.flushDiskType', store.flushDiskType, ['SYNC_FLUSH', 'ASYNC_FLUSH']),
      mappedFileSizeCommitLogBytes: checkInteger(
        'store.mappedFileSizeCommitLogBytes',
        store.mappedFileSizeCommitLogBytes,
        2 ** 30,
        MIN_SEGMENT_BYTES,
        MAX_SEGMENT_BYTES,
      ),
      consumeQueueFileEntries: checkInteger(
        'store.consumeQueueFileEntries',
        store.consumeQueueFileEntries,
        300_000,
        16,
        100_000_000,
      ),
      mappedFileSizeTimerLogBytes: timers.mappedFileSizeTimerLogBytes,
      tailCacheBytes: checkInteger('store.tailCacheBytes', store.tailCacheBytes, 32 * 1024 * 1024, 1024 * 1024),
      maxUnflushedBytes: checkInteger(
        'store.maxUnflushedBytes',
        store.maxUnflushedBytes,
        64 * 1024 * 1024,
        1024 * 1024,
      ),
      checkpointIntervalMs: checkInteger('store.checkpointIntervalMs', store.checkpointIntervalMs, 5000, 1),
      maxOpenFiles: checkInteger('store.maxOpenFiles', store.maxOpenFiles, 128, 4),
      messageIndexEnable: checkFlag('store.messageIndexEnable', store.messageIndexEnable, true),
      ...indexSizes(store),
      ...retention,
    }),
    brokerName: checkText('brokerName', options.brokerName, 'broker-a'),
    brokerHost,
    storeHost: hostBytes(brokerHost),
    autoCreateTopics: checkFlag('autoCreateTopics', options.autoCreateTopics, true),
    defaultTopicQueueNums: checkInteger('defaultTopicQueueNums', options.defaultTopicQueueNums, 4, 1, MAX_TOPIC_QUEUES),
    maxMessageSizeBytes: checkInteger(
      'maxMessageSizeBytes',
      options.maxMessageSizeBytes,
      MAX_BODY_BYTES,
      1,
      MAX_BODY_BYTES,
    ),
    compressMsgBodyOverBytes: checkInteger('compressMsgBodyOverBytes', options.compressMsgBodyOverBytes, 4096, 1),
    messageDelayLevel,
    delayLevels: DelayLevelTable.parse(messageDelayLevel),
    timers,
    transaction: Object.freeze({
      transactionTimeoutMs: checkInteger(
        'transaction.transactionTimeoutMs',
        transaction.transactionTimeoutMs,
        defaults.transactionTimeoutMs,
        0,
      ),
      checkIntervalMs: checkInteger(
        'transaction.checkIntervalMs',
        transaction.checkIntervalMs,
        defaults.checkIntervalMs,
        1,
      ),
      checkMax: checkInteger('transaction.checkMax', transaction.checkMax, defaults.checkMax, 1),
    }),
  });
}

const HOUR_MS = 3_600_000;
const ROLL_WINDOW_STEP_MS = 2000;

/** Timers that wait are stored again before retention can remove them. */
function resolveTimerOptions(options: BrokerOptions, fileReservedTimeHours: number): TimerOptions {
  const defaults = DEFAULT_TIMER_OPTIONS;
  const longestSteps = Math.floor((fileReservedTimeHours * HOUR_MS * 2) / 3 / ROLL_WINDOW_STEP_MS);
  const longestRollWindowMs = Math.max(1, longestSteps) * ROLL_WINDOW_STEP_MS;
  const timers: TimerOptions = Object.freeze({
    ...defaults,
    timerMaxDelayMs: checkInteger('timerMaxDelayMs', options.timerMaxDelayMs, defaults.timerMaxDelayMs, 1),
    timerRollWindowMs: checkInteger(
      'timerRollWindowMs',
      options.timerRollWindowMs,
      Math.min(defaults.timerRollWindowMs, longestRollWindowMs),
      1,
    ),
    timerFlushIntervalMs: checkInteger(
      'timerFlushIntervalMs',
      options.timerFlushIntervalMs,
      defaults.timerFlushIntervalMs,
      1,
    ),
    mappedFileSizeTimerLogBytes: checkInteger(
      'store.mappedFileSizeTimerLogBytes',
      options.store?.mappedFileSizeTimerLogBytes,
      defaults.mappedFileSizeTimerLogBytes,
      1,
    ),
  });
  checkTimerOptions(timers);
  if (timers.timerRollWindowMs > longestRollWindowMs) {
    const expected = `at most two thirds of store.fileReservedTimeHours, ${longestRollWindowMs}: older timers would be removed before they are due`;
    throw new InvalidOptionError({ option: 'timerRollWindowMs', value: timers.timerRollWindowMs, expected });
  }
  return timers;
}

/** Nobody takes a memory store over, so its index files need not have the size of a real broker's. */
function indexSizes(store: StoreLocationOptions): { readonly maxHashSlotNum: number; readonly maxIndexNum: number } {
  const isMemory = store.type === 'memory';
  const maxHashSlotNum = checkInteger(
    'store.maxHashSlotNum',
    store.maxHashSlotNum,
    isMemory ? 65_536 : 5_000_000,
    1,
    MAX_HASH_SLOTS,
  );
  const mostEntries = Math.floor((MAX_SEGMENT_BYTES - 40 - maxHashSlotNum * 4) / 20);
  const fallback = Math.min(isMemory ? 262_144 : 20_000_000, mostEntries);
  return {
    maxHashSlotNum,
    maxIndexNum: checkInteger('store.maxIndexNum', store.maxIndexNum, fallback, 2, mostEntries),
  };
}

function retentionOptions(store: StoreLocationOptions): RetentionOptions {
  const percent = (name: string, value: number | undefined, fallback: number): number =>
    checkInteger(`store.${name}`, value, fallback, 10, 99);
  const { deleteWhen = '' } = store;
  if (typeof deleteWhen !== 'string' || deletionHours(deleteWhen).includes(NaN)) {
    const expected = 'hours from 00 to 23, separated by ";"';
    throw new InvalidOptionError({ option: 'store.deleteWhen', value: deleteWhen, expected });
  }
  return {
    fileReservedTimeHours: checkPositive('store.fileReservedTimeHours', store.fileReservedTimeHours, 72),
    deleteWhen,
    cleanResourceIntervalMs: checkInteger('store.cleanResourceIntervalMs', store.cleanResourceIntervalMs, 10_000, 1),
    deleteFileBatchMax: checkInteger('store.deleteFileBatchMax', store.deleteFileBatchMax, 10, 1),
    diskMaxUsedSpaceRatio: percent('diskMaxUsedSpaceRatio', store.diskMaxUsedSpaceRatio, 75),
    diskSpaceCleanForciblyRatio: percent('diskSpaceCleanForciblyRatio', store.diskSpaceCleanForciblyRatio, 85),
    diskSpaceWarningLevelRatio: percent('diskSpaceWarningLevelRatio', store.diskSpaceWarningLevelRatio, 90),
    diskFreeSpaceEnoughBytes: checkInteger(
      'store.diskFreeSpaceEnoughBytes',
      store.diskFreeSpaceEnoughBytes,
      10 * 2 ** 30,
      0,
    ),
    cleanFileForciblyEnable: checkFlag('store.cleanFileForciblyEnable', store.cleanFileForciblyEnable, false),
  };
}

function hostBytes(brokerHost: string): Uint8Array {
  const [address = '', portText = ''] = brokerHost.split(':');
  const port = Number(portText);
  if (!isIPv4(address) || !/^\d+$/.test(portText) || port > 65_535) {
    throw new InvalidOptionError({
      option: 'brokerHost',
      value: brokerHost,
      expected: 'an IPv4 address and a port, such as "127.0.0.1:10911"',
    });
  }
  const bytes = Buffer.alloc(8);
  bytes.set(address.split('.').map(Number));
  bytes.writeInt32BE(port, 4);
  return bytes;
}
