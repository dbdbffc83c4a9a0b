import { StoreCloseFailedError, StoreCorruptError } from '../../errors/index.js';
import { messageOf } from '../../errors/thrown.js';
import type {
  Activity,
  Clock,
  EngineLogger,
  FileSystem,
  FlushObserver,
  MessageStore,
  StateDirectory,
  SubscriptionGroupTable,
  TopicTable,
} from '../types/index.js';
import { readCheckpoint, statedTimestampMs, withoutQueues, writeCheckpoint } from './checkpoint.js';
import { CheckpointService } from './checkpoint-service.js';
import { CommitLog, type FlushDiskType } from './commit-log.js';
import { ConfigDirectory } from './config-directory.js';
import { ConsumeQueueSet } from './consume-queue-set.js';
import { DeletedTopics } from './deleted-topics.js';
import { DiskWatch } from './disk-watch.js';
import { Dispatcher, isQueued } from './dispatcher.js';
import { storePaths, type StorePaths } from './file-names.js';
import { FilePool } from './file-pool.js';
import { whenNothingIsOnItsWay } from './in-flight.js';
import { type KeyIndex, openKeyIndex, type KeyIndexOptions } from './key-index.js';
import { LogReader } from './log-reader.js';
import { scanLog, type ScanLimits } from './log-scan.js';
import { LogTail } from './log-tail.js';
import { LogMessageStore } from './message-store.js';
import { QueueList } from './queue-list.js';
import { RecordEncoder } from './record-encoder.js';
import { type QueueDisorder, RecoveredRecords } from './recovered-records.js';
import { chooseScanStart, recoverLog } from './recovery.js';
import { Retention, type RetentionOptions } from './retention.js';
import { ScanProgress } from './scan-progress.js';
import { SegmentFiles } from './segment-files.js';
import { StoredMessage } from './stored-message.js';
import { StoreOwner } from './store-owner.js';
import { SubscriptionGroupConfigTable } from './subscription-group-config-table.js';
import { TagsCodes } from './tags-code.js';
import { TopicConfigTable, topicConfig } from './topic-config-table.js';
import { TopicRemoval, type ForgetTopic } from './topic-removal.js';
import { asUnusable } from './unusable.js';

/** Reading so much of the log takes long enough to say so. */
const LONG_SCAN_BYTES = 16 * 1024 * 1024;

export interface StoreOptions extends KeyIndexOptions, RetentionOptions {
  /** The store's directory. Made when it is missing. */
  readonly path: string;
  readonly flushDiskType: FlushDiskType;
  /** Size of a commit log file. RocketMQ: `mappedFileSizeCommitLog`. */
  readonly mappedFileSizeCommitLogBytes: number;
  /** Entries of a consume queue file. RocketMQ: `mappedFileSizeConsumeQueue` / 20. */
  readonly consumeQueueFileEntries: number;
  /** Youngest part of the log that is held in memory for readers. */
  readonly tailCacheBytes: number;
  /** Sends wait when this much is on its way to the disk. */
  readonly maxUnflushedBytes: number;
  /** After this time at the latest, written consume queues and a checkpoint follow a record. Bounds what a crash makes the opening read again. */
  readonly checkpointIntervalMs: number;
  /** Files of consume queues and index that stay open while nobody uses them. */
  readonly maxOpenFiles: number;
  readonly brokerName: string;
  /** Address and port that stand in records and offset ids. */
  readonly storeHost: Uint8Array;
  /** Delay of level 1, 2, … in milliseconds. */
  readonly delayLevelsMs: readonly number[];
  readonly processId: number;
}

export interface StoreEnvironment {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: EngineLogger;
  readonly activity: Activity;
  /** Undefined: nobody is told how records get to the disk. */
  readonly observer?: FlushObserver | undefined;
}

/** The log as it is now, for whoever watches it. */
export interface LogStatus {
  /** From the first record that the store still holds to the last. */
  readonly sizeBytes: number;
  /** Appended and not yet written. */
  readonly unflushedBytes: number;
  /** A write or sync failed for good: the store takes nothing more until it is opened again. */
  readonly hasFailed: boolean;
}

/** A store that is open, with all that its services need of it. */
export interface OpenStore {
  readonly messages: MessageStore;
  readonly topics: TopicTable;
  readonly groups: SubscriptionGroupTable;
  readonly state: StateDirectory;
  /** Finds messages by key. Undefined: `messageIndexEnable` is false. */
  readonly keyIndex: KeyIndex | undefined;
  /** The queues of a topic that hold or held messages. */
  queuesOf(
    topicName: string,
  ): readonly { readonly queueId: number; readonly minOffset: number; readonly maxOffset: number }[];
  /** One past the last byte of the log that can be read. */
  readonly endOffset: number;
  /** Store time of the last record that was in the log at the opening; 0 when it was empty. */
  readonly lastStoreTimestampMs: number;
  /** How full the disk is. */
  readonly disk: DiskWatch;
  /** Removes what is old. Has to be started. */
  readonly retention: Retention;
  logStatus(): LogStatus;
  /**
   * Takes a topic and its queues out of the store; see {@link TopicRemoval.delete}. Also finishes a deletion that has failed half-way.
   *
   * @throws TopicDeletionFailedError, StoreClosedError
   */
  deleteTopic(topicName: string, forget: ForgetTopic): Promise<void>;
  /** Finishes deletions that a crash has cut off. To be called before anything is stored. */
  finishDeletions(forget: ForgetTopic): Promise<void>;
  /**
   * Resolves when no message is on its way to the topic's queues from `firstQueueId` on, given that nobody sends to them any more.
   *
   * @throws StoreWriteFailedError, StoreClosedError
   */
  whenQueuesAreQuiet(topicName: string, firstQueueId: number): Promise<void>;
  /** True from the beginning of a topic's deletion to its end, also of one that has failed half-way. */
  isBeingDeleted(topicName: string): boolean;
  /** True for a record of a topic that was deleted after the record was stored. */
  isOfDeletedTopic(topicName: string, physicalOffset: number): boolean;
  /**
   * Brings everything to the disk and gives the directory free, also when it fails. A second call waits for the first.
   *
   * @throws StoreCloseFailedError something could not be written; opening recovers it from the log
   */
  close(): Promise<void>;
}

/**
 * Opens the store at `options.path`, recovering it when it was not closed cleanly.
 *
 * @throws StoreLockedError, StoreUnusableError, StoreFormatError, StoreCorruptError
 */
export async function openStore(options: StoreOptions, environment: StoreEnvironment): Promise<OpenStore> {
  const paths = storePaths(options.path);
  const { fileSystem } = environment;
  const owner = await StoreOwner.acquire(fileSystem, paths);
  const pools = {
    logFiles: new FilePool(fileSystem, options.maxOpenFiles),
    queueFiles: new FilePool(fileSystem, options.maxOpenFiles),
  };
  const config = new ConfigDirectory(paths.config, environment);
  try {
    return await openOwnedStore(options, environment, paths, owner, pools, config);
  } catch (error) {
    // Else what it had to write would come into the store of the next one.
    await config.abandon();
    await closePools(pools);
    await owner.release(false);
    throw asUnusable(error, paths.root);
  }
}

interface FilePools {
  readonly logFiles: FilePool;
  /** Of consume queues and key index. */
  readonly queueFiles: FilePool;
}

/** What counts in the files is synced: a close that fails has nothing left to lose. */
async function closePools({ logFiles, queueFiles }: FilePools): Promise<void> {
  await Promise.allSettled([logFiles.close(), queueFiles.close()]);
}

async function openOwnedStore(
  options: StoreOptions,
  environment: StoreEnvironment,
  paths: StorePaths,
  owner: StoreOwner,
  pools: FilePools,
  config: ConfigDirectory,
): Promise<OpenStore> {
  const { fileSystem, clock, logger } = environment;
  const { logFiles, queueFiles } = pools;
  const segments = new SegmentFiles(paths.commitLog, options.mappedFileSizeCommitLogBytes, fileSystem, logFiles);
  const queues = new ConsumeQueueSet(paths.consumeQueue, options.consumeQueueFileEntries, fileSystem, queueFiles);
  const deletedTopics = new DeletedTopics();
  const topics = new TopicConfigTable(clock, deletedTopics);
  const groups = new SubscriptionGroupConfigTable(clock);

  await segments.load(!owner.wasClosedCleanly);
  if (!owner.wasClosedCleanly) await segments.syncNames();
  const { firstGap } = segments;
  if (firstGap !== undefined) {
    const reason = 'the file is missing, though those before and behind it are there';
    throw new StoreCorruptError({ file: segments.path(firstGap), offset: 0, reason });
  }
  const checkpoint = await readCheckpoint(fileSystem, paths.checkpoint);
  const queuesAreMissing = await queues.isEmptyOnDisk();
  const scanStart = await chooseScanStart(segments, checkpoint, queuesAreMissing);
  await owner.markOpen(options.processId);
  await deletedTopics.open(config);
  await topics.open(config);
  await queues.load(scanStart, !owner.wasClosedCleanly);
  const queueList = new QueueList(queues, deletedTopics);
  await queueList.open(config);
  // A list that could not be written may be older than the log, and still name what was deleted.
  deletedTopics.forgetBefore(Math.min(segments.firstOffset, queueList.statedOffset));
  const incomplete = await queueList.firstIncomplete(scanStart, (topic, queueId, numbers, untilOffset) =>
    holdsMessage(segments, deletedTopics, { topic, queueId, ...numbers, untilOffset }),
  );
  const { keyIndex, missingFrom } = await openKeyIndex(options, {
    directory: paths.index,
    fileSystem,
    clock,
    logger,
    pool: queueFiles,
    segments,
    checkpoint,
    wasClosedCleanly: owner.wasClosedCleanly,
  });
  const tagsCodes = new TagsCodes(options.delayLevelsMs);
  const recovered = new RecoveredRecords(queues, tagsCodes, keyIndex, deletedTopics);
  const progress = new ScanProgress(clock, logger);
  const limits: ScanLimits = {
    afterBlock: (offset) => {
      progress.reached(offset, segments.endOffset);
      return keyIndex?.relieve();
    },
  };
  if (missingFrom !== undefined && missingFrom < scanStart) {
    const missingBytes = scanStart - missingFrom;
    if (missingBytes > LONG_SCAN_BYTES) logger.log(`The key index is made again from ${missingBytes} bytes of the log`);
    await scanLog(segments, missingFrom, (bytes, at, _sizeBytes, offset) => recovered.index(bytes, at, offset), {
      ...limits,
      untilOffset: scanStart,
    });
  }
  const recoveryEnvironment = {
    fileSystem,
    logger,
    brokenDirectory: paths.broken,
    nowMs: clock.now(),
    wasClosedCleanly: owner.wasClosedCleanly,
  };
  const startedMs = clock.monotonicMs();
  const endOffset = await recoverLog(
    segments,
    scanStart,
    checkpoint,
    recoveryEnvironment,
    (bytes, at, sizeBytes, offset) => recovered.dispatch(bytes, at, sizeBytes, offset),
    limits,
  );
  // The last: another broker wrote last, and lost entries in a power cut that its checkpoint counts as there.
  const hasGap = queues.hasGap || incomplete !== undefined || (recovered.foundGap && scanStart > segments.firstOffset);
  let foundQueues: { topic: string; queueId: number; end: number }[] = [];
  if (queuesAreMissing || hasGap) {
    // Until all queues are on the disk, no checkpoint may say that they are: a crash in between would leave some of them short for good.
    await writeCheckpoint(fileSystem, paths.checkpoint, withoutQueues(checkpoint));
  }
  if (hasGap) {
    const where = incomplete === undefined ? 'consume queues' : incomplete;
    logger.warn(
      `Entries are missing in ${where}: all queues are made again from ${endOffset - segments.firstOffset} bytes of the log`,
    );
    foundQueues = queues.all().map(({ topic, queueId, maxIndex }) => ({ topic, queueId, end: maxIndex }));
    await queues.clear();
    recovered.beginAnew();
    await scanLog(
      segments,
      segments.firstOffset,
      (bytes, at, sizeBytes, offset) => recovered.queue(bytes, at, sizeBytes, offset),
      { ...limits, untilOffset: endOffset },
    );
  }
  // Also where nothing is made again: a crash may have come after an opening that did so, and before its first checkpoint. A topic that is in no table any more was deleted by another broker.
  queueList.keepNumbers(foundQueues, (topic) => queuesAreMissing || hasGap || topics.get(topic) !== undefined);
  await deletedTopics.endAt(endOffset);
  if (recovered.firstDisorder !== undefined) throw disorderError(recovered.firstDisorder, segments);
  if (!owner.wasClosedCleanly) {
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    logger.log(
      `The store was not closed cleanly: ${endOffset - scanStart} bytes of the log were read again in ${tookMs} ms`,
    );
  }
  await queues.trim(segments.firstOffset);
  await keyIndex?.trim(segments.firstOffset);
  await groups.open(config);
  await restoreTopics(topics, queues, deletedTopics);

  const dispatcher = new Dispatcher(queues, tagsCodes, keyIndex);
  const tail = new LogTail(options.tailCacheBytes);
  const end = {
    offset: endOffset,
    storeTimestampMs: Math.max(recovered.lastStoreTimestampMs, statedTimestampMs(checkpoint)),
  };
  const checkpoints = new CheckpointService(
    paths.checkpoint,
    options.checkpointIntervalMs,
    environment,
    queues,
    queueList,
    keyIndex,
    dispatcher,
    end,
  );
  const log = new CommitLog(
    segments,
    tail,
    new RecordEncoder(options.storeHost),
    end,
    {
      ...environment,
      onVisible: (records) => {
        const entriesBefore = keyIndex?.unwrittenCount ?? 0;
        dispatcher.dispatch(records);
        checkpoints.onRecords(Math.max(records.length, (keyIndex?.unwrittenCount ?? 0) - entriesBefore));
      },
    },
    options,
  );
  checkpoints.watch(log);
  config.watch(log);
  const removal = new TopicRemoval({ ...environment, topics, queues, deletedTopics, log, checkpoints });
  const reader = new LogReader(segments);
  const { brokerName } = options;
  const disk = new DiskWatch(paths.root, options, fileSystem, logger);
  const retention = new Retention(options, { ...environment, segments, log, queues, keyIndex, checkpoints, disk });
  await disk.look();

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    try {
      let clean = false;
      try {
        // Offsets and tables are worth writing also when the log is not, and the other way round.
        await closeAll([removal, retention, log, checkpoints, config]);
        clean = !log.hasFailed;
      } finally {
        await closePools(pools);
        await owner.release(clean);
      }
    } catch (error) {
      throw new StoreCloseFailedError({ path: paths.root, reason: messageOf(error) }, error);
    }
  };
  return {
    messages: new LogMessageStore({ log, tail, reader, queues, dispatcher, deletedTopics, topics, brokerName }),
    topics,
    groups,
    state: config,
    keyIndex,
    deleteTopic: (topicName, forget) => removal.delete(topicName, forget),
    finishDeletions: (forget) => removal.finishAll(forget),
    whenQueuesAreQuiet: (topicName, firstQueueId) =>
      whenNothingIsOnItsWay(log, () => queues.ofTopic(topicName).filter(({ queueId }) => queueId >= firstQueueId)),
    isBeingDeleted: (topicName) => deletedTopics.isClosed(topicName),
    isOfDeletedTopic: (topicName, physicalOffset) => deletedTopics.covers(topicName, physicalOffset),
    queuesOf: (topicName) =>
      queues.ofTopic(topicName).map(({ queueId, minIndex, maxIndex }) => ({
        queueId,
        minOffset: minIndex,
        maxOffset: maxIndex,
      })),
    get endOffset() {
      return log.visibleOffset;
    },
    lastStoreTimestampMs: end.storeTimestampMs,
    disk,
    retention,
    logStatus: () => ({
      sizeBytes: log.visibleOffset - segments.firstOffset,
      unflushedBytes: log.unflushedBytes,
      hasFailed: log.hasFailed,
    }),
    close: () => (closing ??= close()),
  };
}

/** Whether the log holds one of these messages of a queue before `untilOffset`, where a record begins. */
async function holdsMessage(
  segments: SegmentFiles,
  deletedTopics: DeletedTopics,
  wanted: { topic: string; queueId: number; from: number; to: number; untilOffset: number },
): Promise<boolean> {
  const { topic, queueId, from, to, untilOffset } = wanted;
  let isFound = false;
  await scanLog(
    segments,
    segments.firstOffset,
    (bytes, at, _sizeBytes, offset) => {
      const record = new StoredMessage(bytes, at, '');
      if (record.storedTopic !== topic || record.queueId !== queueId || deletedTopics.covers(topic, offset)) return;
      if (isQueued(record.sysFlag) && record.queueOffset >= from && record.queueOffset <= to) isFound = true;
    },
    { untilOffset },
  );
  return isFound;
}

function disorderError(disorder: QueueDisorder, segments: SegmentFiles): StoreCorruptError {
  const { topic, queueId, last, queueOffset, physicalOffset } = disorder;
  return new StoreCorruptError({
    file: segments.path(physicalOffset),
    offset: physicalOffset % segments.fileSizeBytes,
    reason:
      `the record says that it is message ${queueOffset} of queue ${queueId} of topic "${topic}", ` +
      (last < 0 ? 'which can not be' : `behind message ${last}`),
  });
}

/** A topic whose queues are there but whose entry was lost in a crash is made again, so that its messages can be reached. */
async function restoreTopics(
  topics: TopicConfigTable,
  queues: ConsumeQueueSet,
  deletedTopics: DeletedTopics,
): Promise<void> {
  for (const topic of queues.topicNames()) {
    if (deletedTopics.isClosed(topic)) continue;
    const queueNums = Math.max(...queues.ofTopic(topic).map((queue) => queue.queueId)) + 1;
    if (topics.get(topic) === undefined) await topics.put(topicConfig(topic, queueNums));
  }
}

/** Closes one after the other, each also when one before it failed. @throws the first failure */
async function closeAll(parts: readonly { close(): Promise<void> }[]): Promise<void> {
  const failures: unknown[] = [];
  for (const part of parts) await part.close().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
