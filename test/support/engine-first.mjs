import Sequencer from '@jest/test-sequencer';

const ENGINE = /[\\/]test[\\/](engine|simulation)[\\/]/;

/**
 * The engine's own tests come first. Nest switches on Node's async hooks, for good, in the process that loads it, and with them on, promises take several times as long: the
 * simulations behind a Nest test in the same worker would.
 */
export default class EngineFirst extends Sequencer {
  async sort(tests) {
    // Not that of arrays: the sequencer's own, by how long each took the last time.
    // oxlint-disable-next-line no-array-sort
    const sorted = await super.sort(tests);
    return [...sorted.filter(({ path }) => ENGINE.test(path)), ...sorted.filter(({ path }) => !ENGINE.test(path))];
  }
}
