/** Writes the time, on a clock that all processes share, and the CPU time of this process so far in µs. */
export function sayNow() {
  const now = process.hrtime.bigint();
  const { user, system } = process.cpuUsage();
  process.stdout.write(`${now} ${user + system}`);
}
