import type { MessageExt, SendResult } from '../../lib/engine/types/index.js';
import { GROUPS } from './consumer-plan.js';
import { Model } from './model.js';
import type { SentMessage } from './sent-message.js';

const GROUP = 'in-order';

function send(model: Model): SentMessage {
  const { id, number } = model.nextId();
  const body = Buffer.from(`${id}|`);
  const texts = { topic: 'orders', tags: undefined, keys: undefined };
  return model.add({ id, number, body, ...texts, dueMs: 0, waitsForDisk: true }, 'normal', 'COMMIT');
}

function acknowledge(model: Model, message: SentMessage): void {
  const messageQueue = { topic: 'orders', brokerName: 'broker', queueId: 0 };
  model.acknowledged(message, { msgId: 'A1', messageQueue, queueOffset: 10 } as SendResult);
}

describe('a copy of the model', () => {
  it('stays at what was known then, whatever becomes known of messages and deliveries later', () => {
    const model = new Model();
    const message = send(model);
    model.delivery(GROUP, message.id).isSkipped = true;
    const then = model.copy();
    // The end of a move of the group back to the message, on the way to the disk when the copy was made.
    model.delivery(GROUP, message.id).isSkipped = false;
    model.delivery(GROUP, message.id).done = true;
    acknowledge(model, message);
    send(model);
    expect(then.isSkipped(GROUP, message.id)).toBe(true);
    expect(then.isDone(GROUP, message.id)).toBe(false);
    expect(then.get(message.id)).toMatchObject({ answer: 'unheard', queueOffset: undefined });
    expect(then.messageCount).toBe(1);
  });

  it('knows all that was known then', () => {
    const model = new Model();
    const message = send(model);
    acknowledge(model, message);
    const then = model.copy();
    expect(then.get(message.id)).toEqual(message);
    expect(then.owed()).toEqual(model.owed());
    expect(then.owed()).not.toEqual([]);
  });
});

describe('the order of deliveries', () => {
  const plan = GROUPS.find(({ group }) => group === GROUP)!;
  const suspect = (): { model: Model; earlier: SentMessage } => {
    const model = new Model();
    const [earlier, later] = [send(model), send(model)];
    const messageQueue = { topic: 'orders', brokerName: 'broker', queueId: 0 };
    for (const [queueOffset, message] of [earlier, later].entries()) {
      model.acknowledged(message, { msgId: `A${queueOffset}`, messageQueue, queueOffset } as SendResult);
    }
    const delivered = { topic: 'orders', queueId: 0, queueOffset: 1, msgId: 'A1', body: later.body, properties: {} };
    expect(model.faultsOfDelivery(plan, delivered as unknown as MessageExt, 0)).toEqual([]);
    return { model, earlier };
  };

  it('is broken by one that comes before an earlier message is done', () => {
    const { model } = suspect();
    expect(model.faultsOfOrder(false)).toEqual([]);
    const found = Array.from({ length: 20 }, () => model.faultsOfOrder(false)).flat();
    expect(found).toEqual(['group in-order got m1 (queue 0, offset 1) before m0 at offset 0 was done']);
    expect(suspect().model.faultsOfOrder(true)).toHaveLength(1);
  });

  it('is not broken by one that was just going with its file', () => {
    const { model, earlier } = suspect();
    earlier.isGone = true;
    expect(model.faultsOfOrder(true)).toEqual([]);
  });
});
