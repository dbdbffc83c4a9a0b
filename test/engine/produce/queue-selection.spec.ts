import { setImmediate } from 'node:timers/promises';

import { selectedQueueId } from '../../../lib/engine/produce/queue-selection.js';
import { topicConfig } from '../../../lib/engine/store/index.js';
import type { MessageQueueSelector } from '../../../lib/engine/types/index.js';

it('refuses a selector that answers by a promise, and bears that promise failing later', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  const select = (() => Promise.reject(new Error('too late'))) as unknown as MessageQueueSelector;
  expect(() =>
    selectedQueueId(select, topicConfig('t', 4), 'broker-a', { topic: 't', body: Buffer.from('x') }),
  ).toThrow(expect.objectContaining({ code: 'MESSAGE_ILLEGAL' }));
  await setImmediate();
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});
