import fc from 'fast-check';

import { groupOffsets, MAX_OP_BODY_BYTES, opMessage, readOpBody } from '../../../lib/engine/transaction/op-message.js';

const bodyOf = (offsets: readonly number[]): Buffer => Buffer.from(opMessage(offsets, 0).body);

describe('an op message', () => {
  it("is RocketMQ's: tag d, offsets with a comma after each", () => {
    const op = opMessage([7, 8, 12], 1_700_000_000_000);
    expect(Buffer.from(op.body).toString()).toBe('7,8,12,');
    expect(op).toMatchObject({
      topic: 'RMQ_SYS_TRANS_OP_HALF_TOPIC',
      queueId: 0,
      properties: 'TAGS\u0001d\u0002',
      tags: 'd',
      bornTimestampMs: 1_700_000_000_000,
      waitStoreMsgOK: true,
    });
  });

  it('is read back as it was written, in bodies within the limit', () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeNat(), { maxLength: 3000 }), (offsets) => {
        const bodies = groupOffsets(offsets).map((group) => bodyOf(group));
        expect(bodies.flatMap((body) => readOpBody(body))).toEqual(offsets);
        for (const body of bodies) {
          expect(body.length).toBeGreaterThan(0);
          expect(body.length).toBeLessThanOrEqual(MAX_OP_BODY_BYTES);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('fills a body before it begins the next', () => {
    const groups = groupOffsets(Array.from({ length: 2000 }, (_, i) => 1000 + i));
    expect(groups.map((group) => bodyOf(group).length)).toEqual([4095, 4095, 1810]);
  });

  it.each([
    ['the form of older brokers', '42', [42]],
    ['no comma at the end', '1,2', [1, 2]],
    ['blanks', ' 1 , 2 ,', [1, 2]],
    ['nothing', '', []],
    ['what is no offset', 'x,-1,3,', [3]],
  ])('is read with %s', (_, body, offsets) => {
    expect(readOpBody(Buffer.from(body))).toEqual(offsets);
  });
});
