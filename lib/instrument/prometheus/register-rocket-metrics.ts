import { register, type Registry } from 'prom-client';
import { ENGINE_METRICS, type EngineMetrics, type MessageEngine, type MetricName } from '../../engine/index.js';
import { InvalidOptionError, MetricLabelsTakenError, UnsupportedByEngineError } from '../../errors/index.js';
import { ScrapedMetric, type Labels, type MetricSource } from './scraped-metric.js';

/** Where the metrics of an engine are to be seen, and under which labels. */
export interface RocketPrometheusOptions {
  /** Default: prom-client's default registry. */
  readonly registry?: Registry | undefined;
  /** Labels for each value, such as `{ node_id: 'broker-a' }`. Needed when several engines are in one registry. Default: none. */
  readonly labels?: Labels | undefined;
}

const METRIC_NAMES = Object.keys(ENGINE_METRICS) as readonly MetricName[];

/**
 * Puts all metrics of an engine into a registry of prom-client. They are read at each scrape, all of them at the same moment; between scrapes this costs nothing.
 *
 * @returns a function that takes them out again
 * @throws UnsupportedByEngineError the engine does not count
 * @throws InvalidOptionError a label that Prometheus does not take, or that a metric has already
 * @throws MetricLabelsTakenError another engine is in the registry with the same labels
 *
 * @publicApi
 */
export function registerRocketMetrics(engine: MessageEngine, options: RocketPrometheusOptions = {}): () => void {
  const { registry = register, labels = {} } = options;
  refuseUnusable(labels);
  const source: MetricSource = { labels, read: readerOf(engine) };
  const metrics = metricsIn(registry);
  if ([...metrics[0]!.sources].some((other) => isSame(other.labels, labels))) {
    throw new MetricLabelsTakenError({ labels });
  }
  for (const metric of metrics) metric.add(source);
  return () => {
    for (const metric of metrics) metric.remove(source);
    removeUnused(registry, metrics);
  };
}

/** The labels of the metrics themselves; the upper ends of histograms are one, too. */
const OWN_LABELS: ReadonlySet<string> = new Set([
  'le',
  ...Object.values(ENGINE_METRICS).flatMap(({ labels }) => labels),
]);

/** One name that can not be read, and Prometheus drops the whole scrape, the app's own metrics with it. */
function refuseUnusable(labels: Labels): void {
  for (const name of Object.keys(labels)) {
    if (/^(?!__)[A-Za-z_]\w*$/.test(name) && !OWN_LABELS.has(name)) continue;
    const expected =
      'letters, digits and "_", with neither a digit nor "__" in front, and no label of the metrics themselves';
    throw new InvalidOptionError({ option: 'labels (a name in it)', value: name, expected });
  }
}

/** All or none: when the app has a metric of one of the names, nothing is left behind. */
function metricsIn(registry: Registry): readonly ScrapedMetric[] {
  const metrics: ScrapedMetric[] = [];
  try {
    for (const name of METRIC_NAMES) metrics.push(ScrapedMetric.in(registry, name));
  } catch (error) {
    removeUnused(registry, metrics);
    throw error;
  }
  return metrics;
}

/** The registry may have been cleared meanwhile, and have metrics of another engine by now. */
function removeUnused(registry: Registry, metrics: readonly ScrapedMetric[]): void {
  for (const [index, metric] of metrics.entries()) {
    const name = METRIC_NAMES[index]!;
    const isThere = registry.getSingleMetric(name) === (metric as unknown);
    if (isThere && metric.sources.size === 0) registry.removeSingleMetric(name);
  }
}

/** A scrape asks each metric by itself, all in one turn: they share one reading. */
function readerOf(engine: MessageEngine): MetricSource['read'] {
  if (engine.metrics === undefined) throw new UnsupportedByEngineError({ feature: 'metrics' });
  const metrics = engine.metrics.bind(engine);
  let reading: Promise<EngineMetrics | undefined> | undefined;
  return () => {
    reading ??= metrics()
      .catch((error: unknown) => {
        // While the app shuts down, its other metrics are still to be seen.
        if (isClosed(error)) return undefined;
        throw error;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
}

function isClosed(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'STORE_CLOSED';
}

function isSame(a: Labels, b: Labels): boolean {
  return Object.keys({ ...a, ...b }).every((name) => a[name] === b[name]);
}
