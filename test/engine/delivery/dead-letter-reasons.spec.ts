import fc from 'fast-check';
import { RetryService } from '../../../lib/engine/delivery/index.js';
import { withReasons } from '../../../lib/engine/delivery/dead-letter-reasons.js';
import { formatProperties, MAX_PROPERTIES_BYTES, parseProperties } from '../../../lib/engine/store/index.js';
import { RESERVED_PROPERTIES } from '../../../lib/engine/types/index.js';
import { draftOf, StoreHarness } from './store-harness.js';

const options = { group: 'billing', delayLevel: -1, maxReconsumeTimes: 16 };

describe('the reasons of a dead letter', () => {
  it('are properties of it, and of no retry', async () => {
    const harness = await StoreHarness.open({});
    const retry = new RetryService(harness.context, harness.levels);
    const message = await harness.append(draftOf('orders', 'body', { shop: 'a' }));
    const deadLetterProperties = { DLQ_REASON: 'INVALID_PAYLOAD', DLQ_DETAIL: 'no number' };
    await retry.sendBack(message, { ...options, deadLetterProperties });
    await retry.sendBack(message, { ...options, delayLevel: 1, deadLetterProperties });
    const [dead] = await harness.read('%DLQ%billing');
    expect(dead?.properties).toMatchObject({ shop: 'a', ...deadLetterProperties });
    const [waiting] = await harness.read('SCHEDULE_TOPIC_XXXX');
    expect(Object.keys(waiting!.properties).filter((name) => name.startsWith('DLQ_'))).toEqual([]);
    await harness.close();
  });

  it('can neither change what the message says of itself, nor become RocketMQ’s own', () => {
    const text = formatProperties({ KEYS: 'k', shop: 'a' });
    expect(parseProperties(withReasons(text, { shop: 'b', KEYS: 'x', DELAY: '3', why: 'so' }))).toEqual({
      KEYS: 'k',
      shop: 'a',
      why: 'so',
    });
  });

  it('are cut, cleaned and left out so that the dead letter can be stored, whatever they are', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('x'.repeat(5000), '\u0001', 'a\u0002b', ''),
    );
    const own = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[a-z]{1,2000}$/), { maxKeys: 16 });
    const reasons = fc.dictionary(texts, texts, { maxKeys: 30 });
    fc.assert(
      fc.property(own, reasons, (ofMessage, given) => {
        const text = formatProperties(ofMessage);
        const result = withReasons(text, given);
        const parsed = parseProperties(result);
        expect({ ...parsed, ...ofMessage }).toEqual({ ...parsed });
        const added = Object.keys(parsed).filter((name) => !Object.hasOwn(ofMessage, name));
        expect(added.filter((name) => RESERVED_PROPERTIES.has(name) || !Object.hasOwn(given, name))).toEqual([]);
        if (result !== text) expect(Buffer.byteLength(result)).toBeLessThan(MAX_PROPERTIES_BYTES);
      }),
      { numRuns: 200 },
    );
  });
});
