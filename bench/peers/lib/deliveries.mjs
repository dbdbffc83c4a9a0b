const MOST_MESSAGES = 1 << 24;
/** RocketMQ gives a message that was lost on its way to a consumer again after a minute. */
const STALL_MS = 120_000;

/** When each message was sent and handled, by its number. */
export class Deliveries {
  sent = 0;
  handled = 0;
  /** Messages that were handled again: all of these brokers deliver at least once. */
  repeated = 0;
  lastHandledAtMs = 0;
  #sentAtMs = new Float64Array(MOST_MESSAGES);
  #handledAtMs = new Float64Array(MOST_MESSAGES);
  #onAll = () => undefined;

  /** @returns {number} the number of the message that is sent now */
  begin() {
    const id = this.sent++;
    if (id >= MOST_MESSAGES) throw new RangeError(`More than ${MOST_MESSAGES} messages in one run.`);
    this.#sentAtMs[id] = performance.now();
    return id;
  }

  onHandled(id) {
    if (this.#handledAtMs[id] !== 0) {
      this.repeated++;
      return;
    }
    this.lastHandledAtMs = this.#handledAtMs[id] = performance.now();
    if (++this.handled === this.sent) this.#onAll();
  }

  sentAtMs(id) {
    return this.#sentAtMs[id];
  }

  handledAtMs(id) {
    return this.#handledAtMs[id];
  }

  /** Resolves when all that was sent has been handled. @throws when nothing happens for two minutes */
  all() {
    if (this.handled === this.sent) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let seen = this.handled;
      const watch = setInterval(() => {
        if (this.handled === seen) {
          clearInterval(watch);
          reject(new Error(`Stalled: ${this.handled} of ${this.sent} messages were handled.`));
        }
        seen = this.handled;
      }, STALL_MS);
      this.#onAll = () => {
        clearInterval(watch);
        resolve();
      };
    });
  }
}
