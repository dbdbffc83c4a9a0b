import type { SendResult } from '../../lib/engine/types/index.js';
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
