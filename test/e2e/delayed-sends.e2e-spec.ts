import { firstValueFrom } from 'rxjs';
import {
  AlreadyRecalledError,
  MessageListener,
  RecallHandleIllegalError,
  RecallTooLateError,
  type MessageExt,
  type RocketListener,
  type RocketTemplate,
} from '../../lib/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { Deliveries, ManualWorld, type RocketApp } from './rocket-app.js';

const DAY_MS = 24 * 60 * 60 * 1000;

describe.each(['memory', 'a directory'])('a delayed send, on a disk in %s,', (disk) => {
  @MessageListener({ topic: 'reminders', consumerGroup: 'calendar' })
  class Reminders implements RocketListener {
    readonly deliveries = new Deliveries();

    onMessage(payload: unknown, message: MessageExt): void {
      this.deliveries.add(payload, message);
    }
  }

  let directory: TemporaryDirectory | undefined;
  let world: ManualWorld;
  let app: RocketApp;
  let received: () => unknown[];

  const start = async (): Promise<void> => {
    app = await world.start({ providers: [Reminders] });
    const { deliveries } = app.module.get(Reminders);
    received = () => deliveries.payloads;
  };

  beforeEach(async () => {
    directory = disk === 'memory' ? undefined : await temporaryDirectory();
    world = new ManualWorld(directory);
    await start();
  });

  afterEach(async () => {
    await app.close();
    await directory?.remove();
  });

  type Send = (template: RocketTemplate, nowMs: number) => Promise<unknown>;

  it.each<[string, Send]>([
    ['syncSendDelayTimeSeconds', (template) => template.syncSendDelayTimeSeconds('reminders', 'x', 90)],
    ['syncSendDelayTimeMills', (template) => template.syncSendDelayTimeMills('reminders', 'x', 90_000)],
    [
      'syncSendDeliverTimeMills',
      (template, nowMs) => template.syncSendDeliverTimeMills('reminders', 'x', nowMs + 90_000),
    ],
    ['a Date', (template, nowMs) => template.syncSendDeliverTimeMills('reminders', 'x', new Date(nowMs + 90_000))],
    [
      'a key',
      (template) => template.syncSendDelayTimeMills('reminders', 'x', 90_000, { hashKey: 'k', timeoutMs: 500 }),
    ],
    ['syncSend with delayMs', (template) => template.syncSend('reminders', 'x', { delayMs: 90_000 })],
    [
      'syncSend with deliverAt',
      (template, nowMs) => template.syncSend('reminders', 'x', { deliverAt: nowMs + 90_000 }),
    ],
    ['syncSendOrderly', (template) => template.syncSendOrderly('reminders', 'x', 'k', { delayMs: 90_000 })],
    ['asyncSend', (template) => firstValueFrom(template.asyncSend('reminders', 'x', { delayMs: 90_000 }))],
    [
      'asyncSendOrderly',
      (template) => firstValueFrom(template.asyncSendOrderly('reminders', 'x', 'k', { delayMs: 90_000 })),
    ],
    ['sendOneWay', (template) => template.sendOneWay('reminders', 'x', { delayMs: 90_000 })],
    [
      'sendOneWayOrderly',
      (template, nowMs) => template.sendOneWayOrderly('reminders', 'x', 'k', { deliverAt: nowMs + 90_000 }),
    ],
  ])('is delivered at its millisecond: %s', async (_how, send) => {
    await send(app.template, world.clock.now());
    await world.pass(app, 89_999);
    expect(received()).toEqual([]);
    await world.pass(app, 1);
    expect(received()).toEqual(['x']);
  });

  it.each<[string, Send]>([
    ['a delay of 0 ms', (template) => template.syncSendDelayTimeMills('reminders', 'x', 0)],
    ['a delay of 0 s', (template) => template.syncSendDelayTimeSeconds('reminders', 'x', 0)],
    ['a time that has passed', (template, nowMs) => template.syncSend('reminders', 'x', { deliverAt: nowMs - DAY_MS })],
    ['delay level 0', (template) => template.syncSend('reminders', 'x', { delayLevel: 0 })],
  ])('is delivered at once with %s', async (_what, send) => {
    await send(app.template, world.clock.now());
    await app.broker.whenIdle();
    expect(received()).toEqual(['x']);
  });

  it('waits through a restart', async () => {
    await app.template.syncSend('reminders', 'x', { delayMs: DAY_MS });
    await app.close();
    await start();
    await world.pass(app, DAY_MS - 1);
    expect(received()).toEqual([]);
    await world.pass(app, 1);
    expect(received()).toEqual(['x']);
  });

  it('can be taken back by its handle, once, until it is due', async () => {
    const { template } = app;
    const first = await template.syncSendDelayTimeSeconds('reminders:tea', 'first', 60);
    const second = await template.syncSendDelayTimeSeconds('reminders', 'second', 60);
    await expect(template.recall('reminders:tea', first.recallHandle!)).resolves.toBe(first.msgId);
    await expect(template.recall('reminders', first.recallHandle!)).rejects.toThrow(AlreadyRecalledError);
    await expect(template.recall('other', second.recallHandle!)).rejects.toThrow(RecallHandleIllegalError);
    await expect(template.recall('reminders', 'no handle')).rejects.toThrow(RecallHandleIllegalError);
    await world.pass(app, 60_000);
    expect(received()).toEqual(['second']);
    await expect(template.recall('reminders', second.recallHandle!)).rejects.toThrow(RecallTooLateError);
  });
});
