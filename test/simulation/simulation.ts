import type { InjectedErrorCode } from '../../lib/engine/io/index.js';
import { BroadcastMember } from './broadcast-member.js';
import { BrokerLife } from './broker-life.js';
import { GROUPS } from './consumer-plan.js';
import { moveGroup } from './group-moves.js';
import type { Model } from './model.js';
import { Producers } from './producers.js';
import { QueueReader } from './queue-reader.js';
import { faultsOfStore, promisedMessages, type Strictness } from './stored-checks.js';
import { viewStore } from './stored-view.js';
import { World, type Counts } from './world.js';

export interface SimulationOptions {
  readonly seed: number;
  readonly steps: number;
  /** Gets each thing that happens, as one line. */
  readonly log?: (line: string) => void;
}

interface Step {
  readonly name: string;
  readonly weight: number;
  readonly run: (life: BrokerLife) => void | Promise<void>;
}

/** Time that everything is given to come to an end: delays, retries and check-backs together take less. */
const HEALING_ROUNDS = 80;
const HEALING_ROUND_MS = 5000;
const DISK_BYTES = 1024 ** 3;

/**
 * The whole broker on a disk that loses what it may lose, under users who do as they like. Everything comes from the seed, so a seed always tells the
 * same story.
 */
export class Simulation {
  readonly #world: World;
  readonly #options: SimulationOptions;
  readonly #producers: Producers;
  #life: BrokerLife | undefined;
  #lives = 0;
  #broadcastMembers = 0;
  #isSlow = false;
  #isDiskFull = false;

  private constructor(options: SimulationOptions) {
    this.#options = options;
    this.#world = new World(options.seed, options.log ?? (() => undefined));
    this.#producers = new Producers(this.#world);
  }

  /** @throws Violation the broker broke a promise */
  static async run(options: SimulationOptions): Promise<Counts> {
    const simulation = new Simulation(options);
    try {
      await simulation.#run();
    } finally {
      simulation.#life?.kill();
    }
    return simulation.#world.counts;
  }

  async #run(): Promise<void> {
    const world = this.#world;
    world.log(`options ${JSON.stringify(world.brokerOptions)}`);
    for (let step = 0; step < this.#options.steps; step++) {
      world.counts.steps += 1;
      world.violated(...world.model.faultsOfOrder(false));
      await this.#step(step);
      await world.turns(world.choices.nextInt(8));
      world.assertNoViolation();
      if (world.checkRandom.nextInt(10) === 0) await this.#checkWhatACrashWouldLeave();
      world.assertNoViolation();
    }
    await this.#heal();
  }

  async #step(number: number): Promise<void> {
    const world = this.#world;
    if (this.#life === undefined || this.#life.state === 'ended') {
      // A disk that fails all the time lets nothing begin.
      if (this.#lives > 0 && world.chance(20)) {
        world.disk.setFaults({ errorsPerMille: 0 });
        this.#makeRoom();
      }
      this.#startLife(number);
      return;
    }
    const life = this.#life;
    const steps = life.state === 'running' ? this.#stepsWhileRunning() : this.#stepsInBetween();
    let rest = world.choices.nextInt(steps.reduce((sum, step) => sum + step.weight, 0));
    const chosen = steps.find((step) => (rest -= step.weight) < 0)!;
    world.log(`#${number} at ${world.clock.monotonicMs()} ms: ${chosen.name}`);
    await chosen.run(life);
  }

  #stepsWhileRunning(): readonly Step[] {
    const producers = this.#producers;
    const { movesGroups, profile, retention } = this.#world;
    const { restarts } = profile;
    const restart = this.#life?.hasFailed === true ? 40 : 3;
    return [
      { name: 'send', weight: 14, run: (life) => producers.send(life) },
      { name: 'burst', weight: 8, run: (life) => producers.burst(life) },
      { name: 'batch', weight: 3, run: (life) => producers.batch(life) },
      { name: 'delayed', weight: 8, run: (life) => producers.delayed(life) },
      { name: 'timed', weight: 8, run: (life) => producers.timed(life) },
      { name: 'recall', weight: 8, run: (life) => producers.recall(life) },
      { name: 'half', weight: 8, run: (life) => producers.half(life) },
      { name: 'end transaction', weight: 8, run: (life) => producers.endTransaction(life) },
      { name: 'subscribe', weight: 8, run: (life) => this.#subscribe(life) },
      { name: 'move group', weight: movesGroups ? 5 : 0, run: (life) => moveGroup(this.#world, life) },
      { name: 'join broadcast', weight: 3, run: (life) => this.#joinBroadcast(life) },
      { name: 'leave broadcast', weight: 1, run: (life) => this.#leaveBroadcast(life) },
      { name: 'open reader', weight: retention ? 3 : 0, run: (life) => this.#openReader(life) },
      { name: 'read', weight: retention ? 8 : 0, run: (life) => life.readers.forEach((reader) => reader.read(life)) },
      { name: 'leave', weight: restarts ? 2 : 0, run: (life) => this.#leave(life) },
      { name: 'close', weight: restarts ? restart : 0, run: (life) => life.close() },
      ...this.#stepsInBetween(),
    ];
  }

  #stepsInBetween(): readonly Step[] {
    const { retention } = this.#world;
    const { crashes, errors } = this.#world.profile;
    return [
      { name: 'wait', weight: 8, run: () => this.#world.turns(this.#world.choices.nextInt(40)) },
      { name: 'advance', weight: 14, run: () => this.#advance() },
      { name: 'speed of the disk', weight: 3, run: () => this.#changeSpeed() },
      { name: 'crash', weight: crashes ? 5 : 0, run: (life) => this.#crash(life) },
      { name: 'errors', weight: errors ? 2 : 0, run: (life) => this.#startErrors(life) },
      { name: 'no errors', weight: errors ? 4 : 0, run: () => this.#world.disk.setFaults({ errorsPerMille: 0 }) },
      { name: 'one error', weight: errors ? 2 : 0, run: (life) => this.#oneError(life) },
      { name: 'full disk', weight: errors ? 2 : 0, run: (life) => this.#fillDisk(life) },
      { name: 'age', weight: retention ? 8 : 0, run: () => this.#age() },
      { name: 'tight disk', weight: retention && errors ? 3 : 0, run: (life) => this.#tightenDisk(life) },
      { name: 'room on the disk', weight: errors ? 4 : 0, run: () => this.#makeRoom() },
    ];
  }

  #startLife(number: number): void {
    const life = new BrokerLife(this.#world, ++this.#lives);
    this.#world.log(`#${number} at ${this.#world.clock.monotonicMs()} ms: start life ${life.number}`);
    if (this.#world.disk.hasFaults || this.#isDiskFull) life.sawFaults = true;
    if (this.#lives > 1) {
      this.#world.model.isUndisturbed = false;
      this.#world.counts.restarts += 1;
    }
    this.#producers.newLife();
    this.#world.model.groupMoves.clear();
    this.#life = life;
    life.start();
  }

  #subscribe(life: BrokerLife): void {
    const world = this.#world;
    const plan = world.oneOf(GROUPS);
    const members = life.consumers.filter((other) => other.plan === plan).length;
    if (life.subscribing.has(plan) || members >= 2) return;
    world.log(`  subscribe ${plan.group}`);
    life.subscribe(plan);
  }

  #joinBroadcast(life: BrokerLife): void {
    const members = life.broadcastMembers;
    if (members.length >= 2) return;
    const member = new BroadcastMember(this.#world, ++this.#broadcastMembers);
    members.push(member);
    member.join(life, () => members.splice(members.indexOf(member), 1));
  }

  #leaveBroadcast(life: BrokerLife): void {
    if (life.broadcastMembers[0]?.leave(life) === true) life.broadcastMembers.shift();
  }

  /** In a queue of which something is known. */
  #openReader(life: BrokerLife): void {
    const { model, choices } = this.#world;
    const known = [...model.messages].filter(({ kind, queueId }) => kind === 'normal' && queueId !== undefined);
    if (known.length === 0 || life.readers.length >= 2) return;
    const { topic, queueId } = known[choices.nextInt(known.length)]!;
    const reader = new QueueReader(this.#world, topic, queueId!);
    life.readers.push(reader);
    reader.open(life, () => life.readers.splice(life.readers.indexOf(reader), 1));
  }

  #leave(life: BrokerLife): void {
    const world = this.#world;
    if (life.consumers.length === 0) return;
    world.model.isUndisturbed = false;
    life.leave(world.choices.nextInt(life.consumers.length), world.oneOf([0, 1000]));
  }

  async #advance(): Promise<void> {
    const world = this.#world;
    const durationMs = world.oneOf([1, 50, 300, 1000, 3000, 6000, 20_000]);
    const turns = world.choices.nextInt(6);
    world.log(`  ${durationMs} ms pass`);
    const acknowledged = [...world.model.messages].filter(({ answer }) => answer === 'acknowledged');
    await world.clock.advance(durationMs, () => world.turns(turns));
    // ASYNC_FLUSH syncs twice a second; on a slow disk that takes longer than can be said here.
    if (!world.isAsync || durationMs < 1000 || this.#isSlow || this.#life?.sawFaults !== false) return;
    await world.turns(20);
    if (this.#life.state === 'running') world.model.synced(acknowledged);
  }

  /** Makes what is there old: time passes, or somebody sets the wall clock forward. */
  async #age(): Promise<void> {
    const world = this.#world;
    const durationMs = Math.round(world.retention!.reservedMs * world.oneOf([0.3, 1, 1.1, 2.2]));
    if (world.chance(40)) {
      world.log(`  the wall clock goes forward by ${durationMs} ms`);
      world.clock.stepWallClock(durationMs);
      return;
    }
    const turns = world.choices.nextInt(4);
    world.log(`  ${durationMs} ms pass`);
    await world.clock.advance(durationMs, () => world.turns(turns));
  }

  #crash(life: BrokerLife): void {
    const world = this.#world;
    const kind = world.oneOf(['power', 'process'] as const);
    world.log(`  ${kind} crash; unsynced: ${world.disk.unsyncedPaths().join(' ') || 'nothing'}`);
    world.model.isUndisturbed = false;
    world.model.forgetSuspicions();
    world.counts.crashes += 1;
    life.kill();
    world.disk.crash(kind);
    if (kind === 'power' && world.isAsync) {
      world.hadLossyPowerCut = true;
      world.model.powerCutWithoutSync();
    }
  }

  #startErrors(life: BrokerLife): void {
    const world = this.#world;
    const codes = world.oneOf<readonly InjectedErrorCode[]>([
      ['EIO'],
      ['ENOSPC'],
      ['EMFILE'],
      ['EIO', 'ENOSPC', 'EMFILE'],
    ]);
    const errorsPerMille = world.oneOf([5, 30, 200]);
    world.log(`  ${errorsPerMille} of 1000 calls fail with ${codes.join(' or ')}`);
    this.#noteErrors(life);
    world.disk.setFaults({ errorsPerMille, codes });
  }

  #oneError(life: BrokerLife): void {
    const world = this.#world;
    const operation = world.oneOf([
      'write',
      'datasync',
      'open',
      'rename',
      'syncDirectory',
      'truncate',
      'read',
    ] as const);
    const code = operation === 'write' && world.chance(60) ? 'ENOSPC' : 'EIO';
    const pathPart = world.oneOf(['/commitlog', '/consumequeue', '/config', '/checkpoint', '/index', '']);
    world.log(`  the next ${operation} of "${pathPart}" fails with ${code}`);
    this.#noteErrors(life);
    world.disk.failNext({ operation, code, pathPart });
  }

  #noteErrors(life: BrokerLife): void {
    life.sawFaults = true;
    this.#world.model.isUndisturbed = false;
  }

  /** A few pages are left, so that it happens in the midst of something. */
  async #fillDisk(life: BrokerLife): Promise<void> {
    const { totalBytes, freeBytes } = await this.#world.disk.fork(this.#world.checkRandom).diskUsage('/');
    this.#noteErrors(life);
    this.#isDiskFull = true;
    this.#world.disk.resize(totalBytes - freeBytes + this.#world.choices.nextInt(20) * 4096);
  }

  /** Most of the disk is used: not so much that sends are refused, but enough that old files may have to go. */
  async #tightenDisk(life: BrokerLife): Promise<void> {
    const { totalBytes, freeBytes } = await this.#world.disk.fork(this.#world.checkRandom).diskUsage('/');
    this.#noteErrors(life);
    const usedPercent = this.#world.oneOf([80, 87, 88, 92]);
    this.#world.log(`  ${usedPercent} % of the disk are used`);
    this.#isDiskFull = true;
    this.#world.disk.resize(Math.floor(((totalBytes - freeBytes) * 100) / usedPercent));
  }

  #makeRoom(): void {
    this.#isDiskFull = false;
    this.#world.disk.resize(DISK_BYTES);
  }

  #changeSpeed(): void {
    const maxLatencyTurns = this.#world.oneOf([0, 0, 1, 4]);
    this.#isSlow = maxLatencyTurns > 0;
    this.#world.log(`  calls take up to ${2 * maxLatencyTurns} turns`);
    this.#world.disk.setFaults({ maxLatencyTurns });
  }

  /** Opens a copy of the disk as it would be after a crash now. The broker does not notice, and goes on meanwhile: its users may hear more than the copy can hold. */
  async #checkWhatACrashWouldLeave(): Promise<void> {
    const world = this.#world;
    const kind = world.checkRandom.nextInt(3) === 0 ? 'process' : 'power';
    const copy = world.disk.fork(world.checkRandom);
    const model = world.model.copy();
    copy.resize(DISK_BYTES);
    copy.crash(kind);
    const strictness = {
      unsyncedToo: kind === 'process' || !world.isAsync,
      offsetsToo: !world.hadLossyPowerCut && (kind === 'process' || !world.isAsync),
      atTheEnd: false,
    };
    await this.#check(`after a ${kind} crash now`, async () => {
      const faults = await this.#faultsOnDisk(copy, model, strictness);
      world.violated(...faults.map((fault) => `after a ${kind} crash now: ${fault}`));
      // What one opening has mended, the next one finds in order, also after another power cut.
      copy.crash('power');
      const faultsAgain = await this.#faultsOnDisk(copy, model, strictness);
      world.violated(...faultsAgain.map((fault) => `opened twice: ${fault}`));
    });
  }

  async #check(when: string, check: () => Promise<void>): Promise<void> {
    this.#world.counts.checks += 1;
    try {
      await check();
    } catch (error) {
      this.#world.violated(`${when} the store can't be opened or read: ${String(error)}`);
    }
  }

  /** @param model what was known when the disk was in this state */
  async #faultsOnDisk(disk: World['disk'], model: Model, strictness: Strictness): Promise<string[]> {
    const { clock, brokerOptions } = this.#world;
    const promised = promisedMessages(model, strictness).filter(({ kind }) => kind === 'normal');
    const view = await viewStore(disk, brokerOptions, clock.now(), promised);
    return faultsOfStore(model, view, strictness);
  }

  /** Everything works again, and everybody comes back: now all that was promised must come true. */
  async #heal(): Promise<void> {
    const world = this.#world;
    world.log(`healing at ${world.clock.monotonicMs()} ms`);
    world.disk.clearFaults();
    this.#makeRoom();
    this.#isSlow = false;
    world.isHealing = true;
    await this.#untilLifeRuns();
    const life = this.#life!;
    for (const plan of GROUPS) {
      const isThere = life.consumers.some((other) => other.plan === plan) || life.subscribing.has(plan);
      if (!isThere) life.subscribe(plan);
    }
    if (life.broadcastMembers.length === 0) this.#joinBroadcast(life);
    const allOwed = (): string[] => [
      ...world.model.owed(),
      ...life.broadcastMembers.flatMap((member) => member.owed()),
    ];
    // Also where nothing is owed, groups that are behind the beginning of a queue have to get there.
    if (world.retention !== undefined) await this.#pass(HEALING_ROUND_MS);
    let owed = allOwed();
    for (let round = 0; round < HEALING_ROUNDS && owed.length > 0; round++) {
      // Those whose half message has been acknowledged only now are among them.
      this.#producers.endAll(life);
      await this.#pass(HEALING_ROUND_MS);
      world.assertNoViolation();
      owed = allOwed();
    }
    if (owed.length > 0) world.violated(`never handled: ${owed.slice(0, 10).join(', ')}`);
    await this.#end(life);
  }

  async #untilLifeRuns(): Promise<void> {
    const world = this.#world;
    // One that has seen an error of the disk may have stopped taking messages.
    const isReady = (): boolean =>
      this.#life?.state === 'running' && !this.#life.sawFaults && this.#life.keepsAll === world.keepsAll;
    for (let round = 0; round < 60 && !isReady(); round++) {
      if (this.#life === undefined || this.#life.state === 'ended') this.#startLife(-1);
      else if (this.#life.state === 'running') this.#life.close();
      await this.#pass(500);
      world.assertNoViolation();
    }
    if (!isReady()) world.violated(`the broker does not come up again: it is ${this.#life?.state}`);
    world.assertNoViolation();
  }

  /** Stops cleanly, and looks at what is there: after that not even a power cut takes anything. */
  async #end(life: BrokerLife): Promise<void> {
    const world = this.#world;
    this.#checkRepeats();
    world.violated(...world.model.faultsOfOrder(true));
    life.close();
    for (let round = 0; round < 20 && life.isAlive; round++) await this.#pass(500);
    if (life.isAlive) world.violated('the broker can not be closed');
    world.assertNoViolation();
    world.disk.crash('power', 0);
    await this.#check('after a clean close', async () => {
      const strictness = { unsyncedToo: true, offsetsToo: !world.hadLossyPowerCut, atTheEnd: true };
      world.violated(...(await this.#faultsOnDisk(world.disk, world.model, strictness)));
    });
    world.assertNoViolation();
  }

  /** While nothing went wrong nothing comes twice. */
  #checkRepeats(): void {
    const { model } = this.#world;
    if (!model.isUndisturbed) return;
    for (const { id } of model.messages) {
      for (const { group } of GROUPS) {
        const { done, repeated } = model.delivery(group, id);
        if (done && repeated) this.#world.violated(`${group} got ${id} again after it had handled it`);
      }
    }
  }

  async #pass(durationMs: number): Promise<void> {
    await this.#world.clock.advance(durationMs, () => this.#world.turns(6));
    await this.#world.turns(20);
  }
}
