import assert from 'node:assert/strict';

import { allocateAveragely } from '../../../lib/engine/consume/allocation.js';
import type { PullConsumer } from '../../../lib/engine/types/index.js';
import { PullHarness, queue } from './pull-harness.js';

const AUTO_COMMIT_MS = 5000;
/** Only messages with this tag are selected; the others must be passed over without a trace. */
export const SELECTED = 'A';

export type Step =
  | { readonly kind: 'send'; readonly queueId: number; readonly tags: readonly string[] }
  | { readonly kind: 'poll'; readonly pick: number; readonly maxCount: number }
  | { readonly kind: 'iterate'; readonly pick: number; readonly count: number }
  | { readonly kind: 'seek'; readonly pick: number; readonly queuePick: number; readonly offset: number }
  | { readonly kind: 'commit' | 'leave'; readonly pick: number }
  | { readonly kind: 'pause' | 'resume'; readonly pick: number; readonly queuePick: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'join' | 'grow' | 'restart' | 'crash' };

/**
 * How far a member is in one queue. The model counts selected messages where the broker counts offsets: what a selector passes over makes no difference to what
 * anybody gets, and so none to the model.
 */
interface Place {
  position: number;
  consumed: number;
  paused: boolean;
}

interface Member {
  readonly consumer: PullConsumer;
  places: Map<number, Place>;
  /** When the next automatic commit is due. */
  commitDueMs: number | undefined;
}

/** What a pull consumer's user may expect, as plain arrays. */
export class PullSimulation {
  #harness: PullHarness;
  readonly #autoCommit: boolean;
  readonly #pullBatchSize: number;
  #members: Member[] = [];
  #queueCount = 2;
  /** By queue: the bodies sent, and whether the selector takes them. */
  readonly #log: { readonly body: string; readonly isSelected: boolean }[][] = [];
  /** By queue: what the group has committed. */
  readonly #committed: (number | undefined)[] = [];
  /** By queue: what a crash may find. Committed values since the last that was certainly on disk. */
  readonly #mayBeOnDisk: Set<number | undefined>[] = [];
  #sent = 0;

  private constructor(harness: PullHarness, autoCommit: boolean, pullBatchSize: number) {
    this.#harness = harness;
    this.#autoCommit = autoCommit;
    this.#pullBatchSize = pullBatchSize;
    for (let queueId = 0; queueId < 16; queueId++) {
      this.#log.push([]);
      this.#committed.push(undefined);
      this.#mayBeOnDisk.push(new Set([undefined]));
    }
  }

  static async start(autoCommit: boolean, pullBatchSize: number): Promise<PullSimulation> {
    const simulation = new PullSimulation(await PullHarness.open(), autoCommit, pullBatchSize);
    await simulation.#harness.createTopic('log', simulation.#queueCount);
    await simulation.run({ kind: 'join' });
    return simulation;
  }

  async run(next: Step): Promise<void> {
    switch (next.kind) {
      case 'send':
        await this.#send(next.queueId % this.#queueCount, next.tags);
        break;
      case 'join':
        if (this.#members.length < 4) await this.#join();
        break;
      case 'grow':
        await this.#grow();
        break;
      case 'wait':
        await this.#wait(next.ms);
        break;
      case 'restart':
        for (const member of this.#members) this.#commitConsumed(member);
        this.#members = [];
        this.#harness = await this.#harness.restart();
        this.#allIsOnDisk();
        break;
      case 'crash':
        await this.#crash();
        break;
      default: {
        const member = this.#members[next.pick % Math.max(this.#members.length, 1)];
        if (member !== undefined) await this.#use(member, next);
      }
    }
    this.#check();
  }

  /** Whoever is left gets all the rest, whatever has happened before. */
  async finish(): Promise<void> {
    if (this.#members.length === 0) await this.run({ kind: 'join' });
    for (const member of this.#members) {
      member.consumer.resume(member.consumer.assignment());
      for (const place of member.places.values()) place.paused = false;
    }
    for (const [index] of this.#members.entries()) {
      for (let rounds = 0; rounds < 100; rounds++) {
        await this.run({ kind: 'poll', pick: index, maxCount: 20 });
      }
    }
    const read = new Map(
      this.#members.flatMap(({ places }) => [...places].map(([id, place]): [number, number] => [id, place.position])),
    );
    const sent = new Map(this.#queueIds().map((queueId) => [queueId, this.#countSelected(queueId)]));
    assert.deepEqual(new Map([...read].toSorted(([a], [b]) => a - b)), sent, 'all that was sent has been polled');
    await this.#harness.close();
  }

  async #use(member: Member, next: Extract<Step, { readonly pick: number }>): Promise<void> {
    switch (next.kind) {
      case 'poll':
        await this.#poll(member, next.maxCount);
        break;
      case 'iterate':
        await this.#iterate(member, next.count);
        break;
      case 'commit':
        await member.consumer.commit();
        for (const place of member.places.values()) place.consumed = place.position;
        this.#writeConsumed(member);
        this.#allIsOnDisk();
        break;
      case 'leave':
        await member.consumer.close();
        this.#commitConsumed(member);
        this.#members = this.#members.filter((other) => other !== member);
        this.#share();
        this.#allIsOnDisk();
        break;
      default: {
        const queueIds = [...member.places.keys()].toSorted((a, b) => a - b);
        const queueId = queueIds[next.queuePick % Math.max(queueIds.length, 1)];
        if (queueId !== undefined) await this.#useQueue(member, queueId, next);
      }
    }
  }

  async #useQueue(member: Member, queueId: number, next: Extract<Step, { readonly queuePick: number }>): Promise<void> {
    const place = member.places.get(queueId)!;
    if (next.kind === 'seek') {
      await member.consumer.seek(queue(queueId), next.offset);
      place.position = this.#selectedBefore(queueId, next.offset);
      place.consumed = place.position;
      this.#commitLater(member);
      return;
    }
    member.consumer[next.kind]([queue(queueId)]);
    place.paused = next.kind === 'pause';
  }

  async #send(queueId: number, tags: readonly string[]): Promise<void> {
    const sent: Promise<void>[] = [];
    for (const tag of tags) {
      const body = `q${queueId}-${this.#sent++}`;
      this.#log[queueId]!.push({ body, isSelected: tag === SELECTED });
      sent.push(this.#harness.send('log', queueId, [body], tag));
    }
    await Promise.all(sent);
  }

  async #join(): Promise<void> {
    const { pull } = this.#harness;
    const consumer = await pull.createConsumer({
      group: 'readers',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      autoCommit: this.#autoCommit,
      autoCommitIntervalMs: AUTO_COMMIT_MS,
      pullBatchSize: this.#pullBatchSize,
    });
    const wasNew = this.#queueIds().some((queueId) => this.#committed[queueId] === undefined);
    await consumer.subscribe('log', SELECTED);
    this.#fixStarts();
    if (wasNew) this.#allIsOnDisk();
    this.#members.push({ consumer, places: new Map(), commitDueMs: undefined });
    this.#share();
  }

  async #grow(): Promise<void> {
    if (this.#queueCount === 5) return;
    this.#queueCount++;
    await this.#harness.createTopic('log', this.#queueCount);
    this.#harness.pull.refresh();
    if (this.#members.length > 0) this.#fixStarts();
    this.#share();
  }

  async #wait(ms: number): Promise<void> {
    const { clock } = this.#harness.store;
    const endMs = clock.monotonicMs() + ms;
    await this.#harness.advance(ms);
    for (const member of this.#members) {
      if (member.commitDueMs === undefined || member.commitDueMs > endMs) continue;
      member.commitDueMs = undefined;
      this.#writeConsumed(member);
    }
  }

  async #crash(): Promise<void> {
    const dead = this.#harness;
    this.#harness = await dead.crash();
    await dead.close();
    this.#members = [];
    for (const queueId of this.#queueIds()) {
      const found = this.#committedNow(queueId);
      assert(this.#mayBeOnDisk[queueId]!.has(found), `${found} was committed in queue ${queueId}, and not forgotten`);
      this.#committed[queueId] = found;
    }
    this.#allIsOnDisk();
  }

  async #poll(member: Member, maxCount: number): Promise<void> {
    const messages = await member.consumer.poll({ maxCount, timeoutMs: 0 });
    this.#confirm(member);
    assert(messages.length <= maxCount, 'no more than asked for');
    for (const message of messages) this.#expectNext(member, message.queueId, message.body.toString());
    // Fewer than asked for are returned only when there are no more.
    if (messages.length < maxCount) {
      for (const [queueId, { position, paused }] of member.places) {
        if (!paused) assert.equal(position, this.#countSelected(queueId), `queue ${queueId} is at its end`);
      }
    }
  }

  async #iterate(member: Member, count: number): Promise<void> {
    const left = [...member.places].reduce(
      (sum, [queueId, { position, paused }]) => sum + (paused ? 0 : this.#countSelected(queueId) - position),
      0,
    );
    let rest = Math.min(count, left);
    if (rest === 0) return;
    for await (const message of member.consumer) {
      this.#confirm(member);
      this.#expectNext(member, message.queueId, message.body.toString());
      if (--rest === 0) break;
    }
  }

  /** Messages of a queue come in order, and none is left out. */
  #expectNext(member: Member, queueId: number, body: string): void {
    const place = member.places.get(queueId);
    assert(place !== undefined && !place.paused, `queue ${queueId} is polled`);
    const selected = this.#log[queueId]!.filter(({ isSelected }) => isSelected);
    assert.equal(body, selected[place.position++]?.body);
  }

  #confirm(member: Member): void {
    for (const place of member.places.values()) place.consumed = place.position;
    this.#commitLater(member);
  }

  #commitLater(member: Member): void {
    if (this.#autoCommit) member.commitDueMs ??= this.#harness.store.clock.monotonicMs() + AUTO_COMMIT_MS;
  }

  #commitConsumed(member: Member): void {
    if (this.#autoCommit) this.#writeConsumed(member);
  }

  #writeConsumed({ places }: Member): void {
    for (const [queueId, { consumed }] of places) this.#write(queueId, consumed);
  }

  #write(queueId: number, consumed: number): void {
    this.#committed[queueId] = consumed;
    this.#mayBeOnDisk[queueId]!.add(consumed);
  }

  #fixStarts(): void {
    for (const queueId of this.#queueIds()) if (this.#committed[queueId] === undefined) this.#write(queueId, 0);
  }

  #allIsOnDisk(): void {
    for (const [queueId, values] of this.#mayBeOnDisk.entries()) {
      values.clear();
      values.add(this.#committed[queueId]);
    }
  }

  #share(): void {
    const owners = allocateAveragely(this.#queueCount, this.#members.length);
    const isOwner = (member: Member, queueId: number): boolean => this.#members[owners[queueId]!] === member;
    for (const member of this.#members) {
      for (const [queueId, { consumed }] of member.places) {
        if (isOwner(member, queueId)) continue;
        if (this.#autoCommit) this.#write(queueId, consumed);
        member.places.delete(queueId);
      }
    }
    for (const member of this.#members) {
      for (const queueId of this.#queueIds()) {
        if (!isOwner(member, queueId) || member.places.has(queueId)) continue;
        const start = this.#committed[queueId]!;
        member.places.set(queueId, { position: start, consumed: start, paused: false });
      }
    }
  }

  #check(): void {
    for (const { consumer, places } of this.#members) {
      const assigned = consumer.assignment().map(({ queueId }) => queueId);
      assert.deepEqual(
        assigned,
        [...places.keys()].toSorted((a, b) => a - b),
        'the assignment',
      );
      for (const [queueId, { position }] of places) {
        const found = this.#selectedBefore(queueId, consumer.position(queue(queueId)));
        assert.equal(found, position, `the position in queue ${queueId}`);
      }
    }
    for (const queueId of this.#queueIds()) {
      assert.equal(this.#committedNow(queueId), this.#committed[queueId], `the committed offset of queue ${queueId}`);
    }
  }

  #committedNow(queueId: number): number | undefined {
    const offset = this.#harness.offsets.get('log', 'readers', queueId);
    return offset === undefined ? undefined : this.#selectedBefore(queueId, offset);
  }

  #selectedBefore(queueId: number, offset: number): number {
    return this.#log[queueId]!.slice(0, offset).filter(({ isSelected }) => isSelected).length;
  }

  #countSelected(queueId: number): number {
    return this.#selectedBefore(queueId, Infinity);
  }

  #queueIds(): readonly number[] {
    return Array.from({ length: this.#queueCount }, (_, queueId) => queueId);
  }
}
