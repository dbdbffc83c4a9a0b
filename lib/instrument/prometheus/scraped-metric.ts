import type { Metric, Registry } from 'prom-client';
import {
  ENGINE_METRICS,
  type EngineMetrics,
  type HistogramValue,
  type MetricName,
  type MetricType,
  type MetricValue,
} from '../../engine/index.js';

export type Labels = Readonly<Record<string, string>>;

/** Where the values of a scrape come from: a broker, and the labels that tell it from others. */
export interface MetricSource {
  readonly labels: Labels;
  /** Undefined: the broker is closed. */
  readonly read: () => Promise<EngineMetrics | undefined>;
}

interface ExposedValue {
  readonly labels: Record<string, string | number>;
  readonly value: number;
  readonly metricName?: string;
}

/**
 * One metric in a registry of prom-client, whose values are read when somebody scrapes. prom-client's own classes keep values of their own, and a histogram of
 * theirs can't be given buckets, so this is what a registry asks of a metric and no more.
 */
export class ScrapedMetric {
  /** Not readonly: for OpenMetrics the registry takes `_total` off the names of counters. */
  name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly aggregator = 'sum';
  readonly #metric: MetricName;
  readonly #sources = new Set<MetricSource>();

  private constructor(metric: MetricName) {
    this.#metric = metric;
    this.name = metric;
    const { type, unit, help } = ENGINE_METRICS[metric];
    this.type = type;
    this.help = `${help} Unit: ${unit}.`;
  }

  /** The metric of a registry; made when there is none. */
  static in(registry: Registry, metric: MetricName): ScrapedMetric {
    const existing: unknown = registry.getSingleMetric(metric);
    if (existing instanceof ScrapedMetric) return existing;
    const made = new ScrapedMetric(metric);
    // The registry takes whatever has a name and can be asked for its values; its types name its own classes alone.
    registry.registerMetric(made as unknown as Metric);
    return made;
  }

  get sources(): ReadonlySet<MetricSource> {
    return this.#sources;
  }

  add(source: MetricSource): void {
    this.#sources.add(source);
  }

  remove(source: MetricSource): void {
    this.#sources.delete(source);
  }

  /** What the registry asks for at a scrape. */
  async get(): Promise<object> {
    const values = await Promise.all([...this.#sources].map((source) => this.#valuesOf(source)));
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values: values.flat() };
  }

  /** Part of what a registry may ask of a metric. The broker's counters belong to the broker, and stay. */
  reset(): void {}

  async #valuesOf({ labels, read }: MetricSource): Promise<readonly ExposedValue[]> {
    const metrics = await read();
    if (metrics === undefined) return [];
    const values: readonly (MetricValue | HistogramValue)[] = metrics[this.#metric].values;
    return values.flatMap((value) => ('buckets' in value ? this.#series(value, labels) : [withLabels(value, labels)]));
  }

  #series({ labels, buckets, count, sum }: HistogramValue, common: Labels): readonly ExposedValue[] {
    const all = { ...common, ...labels };
    return [
      ...buckets.map(({ upTo, count: value }) => ({
        labels: { le: upTo, ...all },
        value,
        metricName: `${this.name}_bucket`,
      })),
      { labels: { le: '+Inf', ...all }, value: count, metricName: `${this.name}_bucket` },
      { labels: all, value: sum, metricName: `${this.name}_sum` },
      { labels: all, value: count, metricName: `${this.name}_count` },
    ];
  }
}

function withLabels({ labels, value }: MetricValue, common: Labels): ExposedValue {
  return { labels: { ...common, ...labels }, value };
}
