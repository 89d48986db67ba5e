/**
 * The Prometheus registry: the only file that knows prom-client's set-up. Process metrics (memory, CPU, event loop lag, GC)
 * come with it; numbers of the store are read when somebody asks.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** Prefix of every name of ours. */
export const METRIC_PREFIX = 'graveyar_';

/** Buckets for waiting times, in seconds: from a fast disk's sync to what a caller gives up on. */
export const SECONDS_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/** Numbers by name, read at the moment; names are words with `.`, `-` or `_` between them. */
export type GaugeSource = () => Promise<ReadonlyMap<string, number>>;

/** A registry with process metrics, and how to print it. */
export class MetricsRegistry {
  readonly registry = new Registry();
  readonly #gauges = new Map<string, Gauge>();
  readonly #sources: { readonly prefix: string; readonly read: GaugeSource }[] = [];

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** Adds numbers that are read whenever the metrics are printed; `prefix` is put before their names. */
  addSource(prefix: string, read: GaugeSource): void {
    this.#sources.push({ prefix, read });
  }

  /** Everything in Prometheus' text format. Rejects when a source does. */
  async print(): Promise<string> {
    for (const { prefix, read } of this.#sources) {
      for (const [name, value] of await read()) this.#gauge(prefix + name).set(value);
    }
    return this.registry.metrics();
  }

  #gauge(rawName: string): Gauge {
    const name =
      METRIC_PREFIX +
      rawName
        .replace(/([a-z])([A-Z])/g, '$1_$2')
        .replace(/[^A-Za-z0-9]+/g, '_')
        .toLowerCase();
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      gauge = new Gauge({ name, help: `The store's own number ${rawName}.`, registers: [this.registry] });
      this.#gauges.set(name, gauge);
    }
    return gauge;
  }
}
