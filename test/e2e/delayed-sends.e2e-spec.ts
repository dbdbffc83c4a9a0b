import { firstValueFrom } from 'rxjs';
import {
  AlreadyRecalledError,
  MessageIllegalError,
  MessageListener,
  RecallHandleIllegalError,
  RecallTooLateError,
  RocketMessage,
  TimerDelayTooLongError,
  UnknownOptionError,
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

  it.each<[string, (template: RocketTemplate) => Promise<unknown>, new (...args: never[]) => Error]>([
    ['a negative delay', (template) => template.syncSendDelayTimeMills('reminders', 'x', -1), MessageIllegalError],
    ['negative seconds', (template) => template.syncSendDelayTimeSeconds('reminders', 'x', -1), MessageIllegalError],
    ['half a second', (template) => template.syncSendDelayTimeSeconds('reminders', 'x', 0.5), MessageIllegalError],
    ['NaN seconds', (template) => template.syncSendDelayTimeSeconds('reminders', 'x', Number.NaN), MessageIllegalError],
    ['half a millisecond', (template) => template.syncSend('reminders', 'x', { delayMs: 0.5 }), MessageIllegalError],
    ['a delay of NaN', (template) => template.syncSend('reminders', 'x', { delayMs: Number.NaN }), MessageIllegalError],
    [
      'no delay',
      (template) => template.syncSendDelayTimeMills('reminders', 'x', undefined as never),
      MessageIllegalError,
    ],
    [
      'no time',
      (template) => template.syncSendDeliverTimeMills('reminders', 'x', undefined as never),
      MessageIllegalError,
    ],
    [
      'a time of NaN',
      (template) => template.syncSendDeliverTimeMills('reminders', 'x', Number.NaN),
      MessageIllegalError,
    ],
    ['a negative time', (template) => template.syncSendDeliverTimeMills('reminders', 'x', -1), MessageIllegalError],
    [
      'an invalid Date',
      (template) => template.syncSend('reminders', 'x', { deliverAt: new Date('x') }),
      MessageIllegalError,
    ],
    [
      'a time as text',
      (template) => template.syncSend('reminders', 'x', { deliverAt: '2024' as never }),
      MessageIllegalError,
    ],
    [
      'a delay over 3 days',
      (template) => template.syncSend('reminders', 'x', { delayMs: 3 * DAY_MS + 1 }),
      TimerDelayTooLongError,
    ],
    [
      'seconds over 3 days',
      (template) => template.syncSendDelayTimeSeconds('reminders', 'x', 4 * 86_400),
      TimerDelayTooLongError,
    ],
    [
      'delay and level',
      (template) => template.syncSend('reminders', 'x', { delayMs: 5, delayLevel: 3 }),
      MessageIllegalError,
    ],
    [
      'delay and time',
      (template) => template.syncSend('reminders', 'x', { delayMs: 5, deliverAt: 5 }),
      MessageIllegalError,
    ],
    [
      'delay and header DELAY',
      (template) => template.syncSend('reminders', 'x', { delayMs: 5, headers: { DELAY: 3 } }),
      MessageIllegalError,
    ],
    [
      'a second delay',
      (template) => template.syncSendDelayTimeMills('reminders', 'x', 5, { delayLevel: 3 } as never),
      MessageIllegalError,
    ],
    ['a mistyped option', (template) => template.syncSend('reminders', 'x', { delay: 5 } as never), UnknownOptionError],
    [
      'a batch',
      (template) => template.syncSendDelayTimeMills('reminders', [new RocketMessage('x')], 5),
      MessageIllegalError,
    ],
    [
      'a transaction',
      (template) => template.sendMessageInTransaction('reminders', new RocketMessage('x', { DELAY: 3 })),
      MessageIllegalError,
    ],
  ])('is refused with a named error, and nothing is stored: %s', async (_what, send, type) => {
    await expect(send(app.template)).rejects.toThrow(type);
    await world.pass(app, 4 * DAY_MS);
    expect(received()).toEqual([]);
  });
});
