// Rows of the benchmark: how they are made, and how people read them.

/**
 * A rate, beside another rate of the same run.
 *
 * @param {{ rate: number, cpuUs: number }} measured messages a second, and CPU time of the process a message
 * @param {{ against?: string, floor: number, atLeast?: number }} comparison the other rate and its name; the ratio that is wanted
 * @param more further figures: numbers, under names with units
 */
export function ratioRow(what, { rate, cpuUs }, { against = 'floor', floor, atLeast }, more = {}) {
  const ratio = rounded(rate / floor);
  const target = atLeast === undefined ? {} : { target: `≥ ${atLeast}`, met: rate / floor >= atLeast };
  return {
    what,
    rate: Math.round(rate),
    cpuUs: rounded(cpuUs),
    against,
    floor: Math.round(floor),
    ratio,
    ...target,
    ...roundedAll(more),
  };
}

/** A figure that is compared with nothing but its target. */
export function figureRow(what, value, unit, { atMost, below, atLeast } = {}, more = {}) {
  const target = {};
  if (atMost !== undefined) Object.assign(target, { target: `≤ ${atMost} ${unit}`, met: value <= atMost });
  if (below !== undefined) Object.assign(target, { target: `< ${below} ${unit}`, met: value < below });
  if (atLeast !== undefined) Object.assign(target, { target: `≥ ${atLeast} ${unit}`, met: value >= atLeast });
  return { what, value: rounded(value), unit, ...target, ...roundedAll(more) };
}

export function formatHeader({ machine, cores, memoryGiB, node, date, commit, changedSince, size, loadAverage }) {
  const code = `commit ${commit}${changedSince ? ' with changes' : ''}`;
  return `${cores} × ${machine}, ${memoryGiB} GiB, Node ${node}, ${date}, ${code}, ${size} size, load average ${loadAverage}\n`;
}

export function formatRow({ line, what, rate, cpuUs, against, floor, ratio, value, unit, target, met, ...more }) {
  const measured = rate === undefined ? `${value.toLocaleString('en')} ${unit}` : `${rate.toLocaleString('en')}/s`;
  const columns = [line.padEnd(18), what.padEnd(52), measured.padStart(12)];
  columns.push((cpuUs === undefined ? '' : `${cpuUs.toFixed(1)} µs CPU`).padStart(12));
  columns.push((floor === undefined ? '' : `${against} ${floor.toLocaleString('en')}/s`).padStart(22));
  columns.push((ratio === undefined ? '' : `ratio ${ratio.toFixed(2)}`).padEnd(11));
  columns.push((target === undefined ? '' : `target ${target}${met ? '' : ', missed'}`).padEnd(24));
  columns.push(
    Object.entries(more)
      .map(([name, figure]) => `${name} ${figure}`)
      .join(', '),
  );
  return columns.join('  ').trimEnd();
}

const rounded = (value) => (Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3)));

/** What can not be measured on this machine is undefined, and left out. */
function roundedAll(figures) {
  const known = Object.entries(figures).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known.map(([name, value]) => [name, rounded(value)]));
}
