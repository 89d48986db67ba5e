/**
 * What Prometheus sees of the operator. Implements the observers of the other folders, which know nothing of metrics.
 */
import { Counter, Gauge, Histogram } from 'prom-client';
import { METRIC_PREFIX, MetricsRegistry, SECONDS_BUCKETS } from '../src/telemetry/metrics-registry.ts';
import type { ControllerObserver } from './controller/controller.ts';
import type { ReconcileObserver } from './controller/reconciler.ts';
import type { ListWatchObserver } from './kubernetes/list-watch.ts';

const PREFIX = `${METRIC_PREFIX}operator_`;

/** Numbers that are read when somebody asks. */
export interface OperatorNumbers {
  readonly clusters: () => number;
  readonly queued: () => number;
  readonly connections: () => number;
  readonly isLeading: () => boolean;
}

/** The metrics of one operator. */
export class OperatorMetrics implements ControllerObserver, ReconcileObserver, ListWatchObserver {
  readonly #registry = new MetricsRegistry();
  readonly #reconciles: Histogram<'outcome'>;
  readonly #actions: Counter<'action' | 'outcome'>;
  readonly #lists: Counter<'resource'>;
  readonly #watchFailures: Counter<'resource' | 'code'>;

  constructor() {
    const registers = [this.#registry.registry];
    this.#reconciles = new Histogram({
      name: `${PREFIX}reconcile_seconds`,
      help: 'Looks at clusters, by what they came to.',
      labelNames: ['outcome'],
      buckets: SECONDS_BUCKETS,
      registers,
    });
    this.#actions = new Counter({
      name: `${PREFIX}actions_total`,
      help: 'Things done, by kind and outcome.',
      labelNames: ['action', 'outcome'],
      registers,
    });
    this.#lists = new Counter({
      name: `${PREFIX}lists_total`,
      help: 'Whole lists of a resource.',
      labelNames: ['resource'],
      registers,
    });
    this.#watchFailures = new Counter({
      name: `${PREFIX}watch_failures_total`,
      help: 'Lists and watches that failed, by resource and code.',
      labelNames: ['resource', 'code'],
      registers,
    });
  }

  /** Adds numbers that are read when somebody asks. To be called once. */
  read(numbers: OperatorNumbers): void {
    const registers = [this.#registry.registry];
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name: PREFIX + name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    };
    gauge('clusters', 'Clusters that are looked after.', numbers.clusters);
    gauge('queued_clusters', 'Clusters that wait to be looked at.', numbers.queued);
    gauge('member_connections', 'Members that the operator has a connection to.', numbers.connections);
    gauge('leader', '1: this process has the lease.', () => (numbers.isLeading() ? 1 : 0));
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything in Prometheus' text format. */
  print(): Promise<string> {
    return this.#registry.print();
  }

  reconciled(outcome: 'done' | 'failed' | 'gone', seconds: number): void {
    this.#reconciles.observe({ outcome }, seconds);
  }

  acted(kind: string, outcome: 'done' | 'failed'): void {
    this.#actions.inc({ action: kind, outcome });
  }

  listed(plural: string): void {
    this.#lists.inc({ resource: plural });
  }

  failed(plural: string, code: string): void {
    this.#watchFailures.inc({ resource: plural, code });
  }
}
