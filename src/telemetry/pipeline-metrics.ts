/**
 * Metrics of the append pipeline: outcomes and times of appends, sizes of groups, time to durability, depth of the queue.
 */
import { Counter, Gauge, Histogram } from 'prom-client';
import { METRIC_PREFIX, SECONDS_BUCKETS } from './metrics-registry.ts';
import type { MetricsRegistry } from './metrics-registry.ts';
import type { PipelineObserver } from './pipeline-observer.ts';

const COUNT_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16_384];
const BYTES_BUCKETS = [1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];

/** Makes the observer and registers its metrics. */
export function createPipelineMetrics({ registry }: MetricsRegistry): PipelineObserver {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name: METRIC_PREFIX + name, help, labelNames, registers: [registry] });
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: METRIC_PREFIX + name, help, registers: [registry] });
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name: METRIC_PREFIX + name, help, buckets, registers: [registry] });

  const appends = counter('appends_total', 'Appends answered, by outcome.', ['outcome']);
  const events = counter('append_events_total', 'Events of the appends accepted.');
  const appendSeconds = histogram('append_seconds', 'Time from admission to answer.', SECONDS_BUCKETS);
  const groupAppends = histogram('group_appends', 'Appends committed by one group.', COUNT_BUCKETS);
  const groupEvents = histogram('group_events', 'Events committed by one group.', COUNT_BUCKETS);
  const groupBytes = histogram('group_bytes', 'Bytes of one group.', BYTES_BUCKETS);
  const groups = counter('groups_total', 'Groups handed to the store, by outcome.', ['outcome']);
  const commitSeconds = histogram(
    'commit_seconds',
    'Time until a group was durable: waiting for the disk, write and sync.',
    SECONDS_BUCKETS,
  );
  const queueAppends = gauge('append_queue_appends', 'Appends admitted and not yet decided.');
  const queueBytes = gauge('append_queue_bytes', 'Their bytes.');
  const groupsInFlight = gauge('groups_in_flight', 'Groups decided and not yet answered.');
  const accepted = appends.labels('accepted');

  return {
    appendAnswered: (outcome, count, millis) => {
      appendSeconds.observe(millis / 1000);
      if (outcome === 'accepted') {
        accepted.inc();
        events.inc(count);
      } else {
        appends.labels(outcome).inc();
      }
    },
    groupDecided: (appendCount, eventCount, bytes) => {
      groupAppends.observe(appendCount);
      groupEvents.observe(eventCount);
      groupBytes.observe(bytes);
    },
    groupCommitted: (outcome, millis) => {
      groups.labels(outcome).inc();
      commitSeconds.observe(millis / 1000);
    },
    queueMeasured: (appendCount, bytes, inFlight) => {
      queueAppends.set(appendCount);
      queueBytes.set(bytes);
      groupsInFlight.set(inFlight);
    },
  };
}
