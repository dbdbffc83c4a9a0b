/** The results as a table, to read and to paste. */
export function markdownTable(results) {
  const rates = [...new Set(results.flatMap(({ work }) => work.ratesPerSecond))];
  const head = ['Broker', 'Setup', 'Synced before ack', 'Body', 'Messages/s'].concat(
    rates.map((rate) => `p50 / p99 (p99 from due) at ${rate.toLocaleString('en')}/s, ms`),
  );
  const rows = results.map((result) => [
    result.title,
    result.setup,
    result.isSyncedBeforeAck ? 'yes' : 'no',
    `${result.work.bodyBytes} B`,
    result.error === undefined ? Math.round(result.messagesPerSecond).toLocaleString('en') : 'failed',
    ...rates.map((rate) => latencyCell(result.latencies?.find(({ ratePerSecond }) => ratePerSecond === rate))),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  const line = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function latencyCell(latency) {
  if (latency === undefined) return '–';
  if (!latency.kept) return 'not kept';
  return `${latency.p50Ms.toFixed(2)} / ${latency.p99Ms.toFixed(2)} (${latency.p99FromDueMs.toFixed(2)})`;
}
