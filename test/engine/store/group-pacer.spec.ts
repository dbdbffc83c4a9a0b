import { GroupPacer } from '../../../lib/engine/store/group-pacer.js';

/** Rounds in which all senders wait for the disk, then work, then send again. */
function pacerAfter(rounds: { senders: number; flushMs: number; workMsPerRecord: number }): GroupPacer {
  const pacer = new GroupPacer();
  let nowMs = 0;
  for (let round = 0; round < 50; round++) {
    nowMs += rounds.flushMs;
    pacer.groupEnded(rounds.senders, 0, rounds.flushMs, nowMs);
    nowMs += rounds.senders * rounds.workMsPerRecord;
    pacer.burstEnded(nowMs);
  }
  pacer.groupEnded(rounds.senders, 0, rounds.flushMs, nowMs + rounds.flushMs);
  return pacer;
}

describe('the pace of groups', () => {
  it('cuts no group before anything is known', () => {
    expect(new GroupPacer().cutAt).toBe(Infinity);
  });

  it('lets all senders share one sync where the disk is slower than they', () => {
    expect(pacerAfter({ senders: 256, flushMs: 5, workMsPerRecord: 0.003 }).cutAt).toBe(Infinity);
  });

  it('has two halves of the senders take turns where they are slower than the disk', () => {
    expect(pacerAfter({ senders: 256, flushMs: 0.3, workMsPerRecord: 0.003 }).cutAt).toBe(128);
  });

  it('makes no tiny groups', () => {
    expect(pacerAfter({ senders: 4, flushMs: 0.3, workMsPerRecord: 1 }).cutAt).toBe(16);
  });

  it('goes by what is, not by what was', () => {
    const pacer = pacerAfter({ senders: 256, flushMs: 0.3, workMsPerRecord: 0.003 });
    for (let round = 0; round < 50; round++) pacer.groupEnded(256, 0, 20, round);
    expect(pacer.cutAt).toBe(Infinity);
  });
});
