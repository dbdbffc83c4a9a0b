// Prints one line a check as it is made, and a closing line that says how many passed.

export class Report {
  #passed = 0;
  #failed = 0;
  #startedMs = performance.now();

  heading(text) {
    console.log(`\n${text}`);
  }

  /** A figure that is no check. */
  figure(text) {
    console.log(`  - ${text}`);
  }

  /**
   * @param {string} promise what is checked
   * @param {string[]} differences none: it holds
   * @param {string} [figures]
   */
  check(promise, differences, figures = '') {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(0);
    if (differences.length === 0) {
      this.#passed++;
      console.log(`  ok     ${promise}${figures === '' ? '' : ` (${figures})`} [${seconds} s]`);
      return;
    }
    this.#failed++;
    console.log(`  NOT OK ${promise}: ${differences.length} differences [${seconds} s]`);
    for (const difference of differences.slice(0, 8)) {
      console.log(`           ${difference}`);
    }
  }

  /** A step that everything after it needs: a throw is a failed check and ends the scenario. */
  async scenario(name, work) {
    this.heading(name);
    await this.part(name, work);
  }

  /** One of several things that a scenario does at the same time. */
  async part(name, work) {
    try {
      await work();
    } catch (error) {
      this.check(`"${name}" runs to its end`, [String(error?.stack ?? error)]);
    }
  }

  /** @returns true when nothing failed */
  close() {
    console.log(`\n${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed === 0;
  }
}
