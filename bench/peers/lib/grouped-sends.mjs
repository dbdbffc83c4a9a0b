/**
 * For clients whose documentation recommends to send many at once: sends of the same turn of the event loop go out in one call.
 *
 * @param {(payloads: object[]) => Promise<unknown>} sendMany
 * @returns {(payload: object) => Promise<void>} resolves when the call that took the payload has
 */
export function groupedSends(sendMany) {
  let waiting = [];
  const flush = () => {
    const group = waiting;
    waiting = [];
    sendMany(group.map(({ payload }) => payload)).then(
      () => group.forEach(({ resolve }) => resolve()),
      (error) => group.forEach(({ reject }) => reject(error)),
    );
  };
  return (payload) =>
    new Promise((resolve, reject) => {
      if (waiting.push({ payload, resolve, reject }) === 1) setImmediate(flush);
    });
}
