import { register, type Registry } from 'prom-client';
import { ENGINE_METRICS, type EngineMetrics, type MessageEngine, type MetricName } from '../../engine/index.js';
import { MetricLabelsTakenError, UnsupportedByEngineError } from '../../errors/index.js';
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
 * @throws MetricLabelsTakenError another engine is in the registry with the same labels
 *
 * @publicApi
 */
export function registerRocketMetrics(engine: MessageEngine, options: RocketPrometheusOptions = {}): () => void {
  const { registry = register, labels = {} } = options;
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
