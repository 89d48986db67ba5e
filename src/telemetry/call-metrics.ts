/**
 * Metrics of the API layer: calls by method and code, their times, calls in flight. Children of a metric are kept for each
 * method and code, as looking them up by labels would cost more than counting.
 */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { CallObserver } from './call-observer.ts';
import { METRIC_PREFIX, SECONDS_BUCKETS } from './metrics-registry.ts';
import type { MetricsRegistry } from './metrics-registry.ts';

/** The names of the canonical gRPC codes, by number. */
const CODES =
  'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'.split(
    ' ',
  );

interface MethodMetrics {
  readonly inFlight: Gauge.Internal<string>;
  readonly seconds: Histogram.Internal<string>;
  readonly byCode: Map<number, Counter.Internal>;
}

/** Makes the observer and registers its metrics. Methods are a closed set, so that the metrics are bounded. */
export function createCallMetrics({ registry }: MetricsRegistry): CallObserver {
  const registers = [registry];
  const calls = new Counter({
    name: `${METRIC_PREFIX}calls_total`,
    help: 'Calls that ended, by method and gRPC code.',
    labelNames: ['method', 'code'],
    registers,
  });
  const inFlight = new Gauge({
    name: `${METRIC_PREFIX}calls_in_flight`,
    help: 'Calls that have begun and not ended, by method.',
    labelNames: ['method'],
    registers,
  });
  const seconds = new Histogram({
    name: `${METRIC_PREFIX}call_seconds`,
    help: 'Time from the arrival of a call to its end, by method.',
    labelNames: ['method'],
    buckets: SECONDS_BUCKETS,
    registers,
  });
  const refused = new Counter({
    name: `${METRIC_PREFIX}connections_refused_total`,
    help: 'Connections turned away because there were too many.',
    registers,
  });
  const methods = new Map<string, MethodMetrics>();
  const metricsOf = (method: string): MethodMetrics => {
    let found = methods.get(method);
    if (found === undefined) {
      found = { inFlight: inFlight.labels(method), seconds: seconds.labels(method), byCode: new Map() };
      methods.set(method, found);
    }
    return found;
  };
  const finish = (method: string, code: number, millis: number): MethodMetrics => {
    const metrics = metricsOf(method);
    metrics.seconds.observe(millis / 1000);
    let counter = metrics.byCode.get(code);
    if (counter === undefined) {
      counter = calls.labels(method, CODES[code] ?? 'UNKNOWN');
      metrics.byCode.set(code, counter);
    }
    counter.inc();
    return metrics;
  };
  return {
    callStarted: (method) => metricsOf(method).inFlight.inc(),
    callFinished: (method, code, millis) => finish(method, code, millis).inFlight.dec(),
    sessionAppendFinished: (code, millis) => void finish('session append', code, millis),
    connectionRefused: () => refused.inc(),
  };
}
