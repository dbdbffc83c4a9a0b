import assert from 'node:assert/strict';

import { SeededRandom } from '../../../lib/engine/io/index.js';
import { RocketError } from '../../../lib/errors/index.js';
import { StoryDisk } from './topic-life-disk.js';
import { NamedTopic, QUEUE_IDS, type TopicLife } from './topic-life-model.js';
import { StoreProcess, type ProcessOptions } from './topic-life-process.js';

const STEPS = 60;
const HOUR_MS = 3_600_000;
/** Longer than the longest pause between two attempts to finish a deletion. */
const REST_MS = 31_000;
/** More than anything takes that is waiting for the disk, and not for time. */
const MOST_TURNS = 5000;
const LINES_OF_A_FAILURE = 60;

/** How a call has ended, as far as that is known yet. */
interface Outcome {
  isKnown: boolean;
  failure: string | undefined;
}

interface Step {
  readonly name: string;
  readonly weight: number;
  readonly run: () => void | Promise<void>;
}

/**
 * Topics of a few names, on a store that is opened again and again, under users who do not wait for the end of one call before the next. Everything comes from
 * the seed, so a seed always tells the same story.
 */
export class TopicLifeSimulation {
  readonly #random: SeededRandom;
  readonly #isAsync: boolean;
  readonly #disk: StoryDisk;
  readonly #storeOptions: ProcessOptions;
  readonly #topics = ['a', 'b', 'c', 'd'].map((name) => new NamedTopic(name));
  readonly #lines: string[] = [];
  /** What was wrong with the ends of calls, of which nobody waits. */
  readonly #complaints: string[] = [];
  #process: StoreProcess;

  private constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#isAsync = this.#chance(50);
    const isTiny = this.#chance(50);
    this.#disk = new StoryDisk(seed, isTiny);
    this.#storeOptions = {
      flushDiskType: this.#isAsync ? 'ASYNC_FLUSH' : 'SYNC_FLUSH',
      checkpointIntervalMs: 2000,
      deleteFileBatchMax: 1 + this.#below(3),
      ...(isTiny ? FORCED_CLEANING : { fileReservedTimeHours: 1 }),
    };
    this.#process = new StoreProcess(this.#disk.files, this.#below(HOUR_MS));
    this.#log(`${this.#isAsync ? 'ASYNC_FLUSH' : 'SYNC_FLUSH'}, ${isTiny ? 'a tiny disk' : 'a disk with room'}`);
  }

  /** @throws Error a promise was broken; the text says which, and what had happened before */
  static async run(seed: number): Promise<void> {
    const simulation = new TopicLifeSimulation(seed);
    try {
      await simulation.#run();
    } catch (error) {
      const lines = simulation.#lines.slice(-LINES_OF_A_FAILURE).join('\n');
      throw new Error(`${lines}\n${String(error)}`, { cause: error });
    } finally {
      simulation.#process.kill();
    }
  }

  async #run(): Promise<void> {
    await this.#open();
    for (const topic of this.#topics) this.#make(topic);
    await this.#turns(30);
    for (let step = 0; step < STEPS; step++) await this.#step(step);
    await this.#close();
    await this.#rest();
    this.#assertNoComplaint();
  }

  async #step(number: number): Promise<void> {
    const steps = this.#steps();
    let rest = this.#below(steps.reduce((sum, step) => sum + step.weight, 0));
    const { name, run } = steps.find((step) => (rest -= step.weight) < 0)!;
    this.#log(`#${number} ${name}`);
    await run();
    this.#assertNoComplaint();
  }

  #steps(): readonly Step[] {
    // A log that has failed takes nothing more, so the story would stand still.
    const end = this.#process.hasFailed ? 20 : 2;
    return [
      { name: 'send', weight: 40, run: () => this.#burst() },
      { name: 'delete', weight: 7, run: () => this.#delete(this.#oneOf(this.#topics)) },
      { name: 'make', weight: 10, run: () => this.#make(this.#oneOf(this.#topics)) },
      { name: 'note', weight: 4, run: () => this.#note(this.#oneOf(this.#topics)) },
      { name: 'wait', weight: 10, run: () => this.#turns(this.#below(12)) },
      { name: 'some seconds', weight: 5, run: () => this.#advance(this.#below(3000)) },
      { name: 'an hour', weight: 4, run: () => this.#advance(HOUR_MS + this.#below(HOUR_MS)) },
      { name: 'clean', weight: 8, run: () => this.#clean() },
      { name: 'slow disk', weight: 3, run: () => this.#disk.slowDown() },
      { name: 'errors', weight: 4, run: () => this.#disk.fail() },
      { name: 'no errors', weight: 2, run: () => this.#disk.work() },
      { name: 'less room', weight: 3, run: () => this.#disk.tighten() },
      { name: 'rest', weight: 4, run: () => this.#rest() },
      { name: 'crash', weight: 2 + end, run: () => this.#crash() },
      { name: 'close', weight: end, run: () => this.#close() },
    ];
  }

  #burst(): void {
    for (let rest = this.#below(8); rest >= 0; rest--) this.#send(this.#oneOf(this.#topics));
  }

  /** To a topic that is gone, too: a message that was delayed, say, has it made again. */
  #send(topic: NamedTopic): void {
    if (topic.state === 'unsure') return;
    const life = topic.state === 'gone' ? topic.beginMaking() : topic.life;
    const queueId = this.#oneOf(QUEUE_IDS);
    const id = life.send(queueId);
    const bytes = this.#chance(25) ? 100 + this.#below(12_000) : 20 + this.#below(600);
    this.#follow(`send of ${id}`, this.#process.send(topic.name, queueId, id, bytes), (place) => {
      life.stored(id, place, !this.#isAsync);
      if (topic.life === life && !life.wasThere) topic.made();
    });
  }

  #make(topic: NamedTopic): void {
    if (topic.state !== 'gone') return;
    const life = topic.beginMaking();
    const making = Promise.resolve(this.#process.store.topics.ensure(topic.name, QUEUE_IDS.length));
    this.#follow(`making of ${nameOf(life)}`, making, () => topic.made());
  }

  #delete(topic: NamedTopic): void {
    if (topic.state !== 'there' && !topic.mayBeDeleted) return;
    const life = topic.beginDeletion();
    this.#follow(`deletion of ${nameOf(life)}`, this.#process.deleteTopic(topic.name), () => {
      if (topic.life === life) topic.deleted();
    });
  }

  #note({ name, state, life }: NamedTopic): void {
    if (state === 'there') this.#process.notes.set(name, life.number);
  }

  #clean(): void {
    this.#follow('cleaning', this.#process.store.retention.clean(), () => undefined);
  }

  /** On a disk that works, all that is under way ends, and what was unsure is seen. */
  async #rest(): Promise<void> {
    this.#disk.work();
    this.#disk.makeRoom();
    await this.#untilIdle();
    await this.#advance(REST_MS);
    await this.#untilIdle();
    // A log that has failed has nothing decided any more.
    if (!this.#process.hasFailed) {
      for (const { life } of this.#topics) life.synced();
      for (const topic of this.#topics) topic.found(this.#isThere(topic));
    }
    await this.#check();
    this.#disk.tighten();
  }

  async #crash(): Promise<void> {
    this.#end(this.#oneOf(['power', 'process']));
    await this.#open();
  }

  /** Often in the midst of calls. After a clean close a power cut has nothing left to take. */
  async #close(): Promise<void> {
    if (this.#chance(50)) await this.#untilIdle();
    const end = this.#outcome('close', this.#process.store.close());
    await this.#until(() => end.isKnown, 'the close does not end');
    await this.#untilIdle();
    const { hasFailed } = this.#process;
    if (end.failure !== undefined) assert(hasFailed || this.#disk.explains(end.failure), 'the close fails');
    else if (!hasFailed) for (const { life } of this.#topics) life.synced();
    this.#end(this.#oneOf(['power', 'process']));
    await this.#open();
  }

  #end(kind: 'power' | 'process'): void {
    this.#log(`  the end: ${kind}`);
    this.#process.kill();
    this.#disk.crash(kind);
    this.#disk.tighten();
    if (kind === 'power') for (const { life } of this.#topics) life.powerCut();
    this.#process = new StoreProcess(this.#disk.files, this.#process.clock.now() + 10);
  }

  /** Opens the store, on a disk that may fail for a while, and may crash in the midst of it. */
  async #open(): Promise<void> {
    this.#upset();
    for (let attempt = 1; !(await this.#tryToOpen()); attempt++) {
      if (attempt > 3) {
        this.#disk.work();
        this.#disk.makeRoom();
      }
    }
    this.#disk.work();
    await this.#process.openNotes();
    this.#upset();
    await this.#process.finishDeletions();
    await this.#lookAround();
  }

  #upset(): void {
    this.#disk.work();
    if (this.#chance(30)) this.#disk.fail();
    if (this.#chance(30)) this.#disk.slowDown();
  }

  async #tryToOpen(): Promise<boolean> {
    const opening = this.#process.open({ ...this.#storeOptions, messageIndexEnable: this.#chance(50) });
    const end = this.#outcome('opening', opening);
    if (this.#chance(10)) await this.#turns(this.#below(60));
    else await this.#until(() => end.isKnown, 'the opening does not end');
    if (end.isKnown && end.failure === undefined) return true;
    if (end.failure !== undefined) assert(this.#disk.explains(end.failure), 'the store does not open');
    // One that has failed may be followed by the next one in the same process, which lives on.
    if (!end.isKnown || this.#chance(50)) this.#end(this.#oneOf(['power', 'process']));
    else await this.#advance(this.#below(1500));
    return false;
  }

  /** After an opening. A deletion that could not be finished goes on. */
  async #lookAround(): Promise<void> {
    const { store } = this.#process;
    this.#disk.work();
    this.#log(`  the log goes from ${await this.#process.logBegin()} to ${store.endOffset}`);
    for (const { life } of this.#topics) life.opened(store.endOffset);
    const settled = this.#topics.filter((topic) => !(topic.mayBeDeleted && store.isBeingDeleted(topic.name)));
    for (const topic of settled) topic.found(this.#isThere(topic));
    await this.#check();
    for (const { name, state, life } of settled) if (state === 'there') life.keepOnly(await this.#process.view(name));
  }

  /** What is unsure can't be wrong. */
  async #check(): Promise<void> {
    const { store } = this.#process;
    for (const topic of this.#topics.filter(({ state }) => state !== 'unsure')) {
      const view = await this.#process.view(topic.name);
      topic.check(view, !this.#isAsync, (offset) => store.isOfDeletedTopic(topic.name, offset));
    }
  }

  #isThere({ name }: NamedTopic): boolean {
    const { store } = this.#process;
    assert(!store.isBeingDeleted(name), `the deletion of topic ${name} does not end`);
    return store.topics.get(name) !== undefined;
  }

  #outcome(what: string, work: Promise<void>): Readonly<Outcome> {
    const outcome: Outcome = { isKnown: false, failure: undefined };
    this.#follow(
      what,
      work,
      () => (outcome.isKnown = true),
      (failure) => Object.assign(outcome, { isKnown: true, failure }),
    );
    return outcome;
  }

  #follow<T>(
    what: string,
    work: Promise<T>,
    onValue: (value: T) => void,
    onFailure: (failure: string) => void = () => undefined,
  ): void {
    this.#log(`  ${what}`);
    this.#process.follow(
      work,
      (value) => {
        this.#log(`  ${what} has ended`);
        try {
          onValue(value);
        } catch (error) {
          this.#complaints.push(String(error));
        }
      },
      (error) => {
        this.#log(`  ${what} has failed: ${textOf(error)}`);
        onFailure(textOf(error));
      },
    );
  }

  #assertNoComplaint(): void {
    assert(this.#complaints.length === 0, this.#complaints.join('\n'));
  }

  async #advance(durationMs: number): Promise<void> {
    await this.#process.clock.advance(durationMs, () => this.#turns(20));
  }

  #untilIdle(): Promise<void> {
    return this.#until(() => this.#process.isIdle, 'calls do not end');
  }

  /** Without any time passing. */
  async #until(isSo: () => boolean, complaint: string): Promise<void> {
    for (let turn = 0; turn < MOST_TURNS && !isSo(); turn++) await this.#turns(1);
    assert(isSo(), complaint);
  }

  async #turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  #log(line: string): void {
    this.#lines.push(line);
  }

  #below(bound: number): number {
    return this.#random.nextInt(bound);
  }

  /** True `percent` times out of a hundred. */
  #chance(percent: number): boolean {
    return this.#below(100) < percent;
  }

  #oneOf<T>(values: readonly T[]): T {
    return values[this.#below(values.length)]!;
  }
}

/** Old files of the log go when there is no room for new ones, and not for their age. */
const FORCED_CLEANING = {
  fileReservedTimeHours: 100,
  cleanFileForciblyEnable: true,
  diskMaxUsedSpaceRatio: 30,
  diskSpaceCleanForciblyRatio: 40,
  diskSpaceWarningLevelRatio: 90,
} as const;

const textOf = (error: unknown): string =>
  error instanceof RocketError ? `${error.code}: ${error.message}` : String(error);
const nameOf = ({ topic, number }: TopicLife): string => `topic ${topic} (${number})`;
