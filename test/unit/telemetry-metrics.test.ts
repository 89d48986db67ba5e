// Metrics: what is observed comes out in Prometheus' text format under the documented names.
import { describe, expect, it } from 'vitest';
import { createCallMetrics } from '../../src/telemetry/call-metrics.ts';
import { MetricsRegistry } from '../../src/telemetry/metrics-registry.ts';
import { createPipelineMetrics } from '../../src/telemetry/pipeline-metrics.ts';

describe('metrics', () => {
  it('count calls by method and code, with times and calls in flight', async () => {
    const registry = new MetricsRegistry();
    const observer = createCallMetrics(registry);
    const method = 'graveyar.v1.EventStore/AppendEvent';
    observer.callStarted(method);
    observer.callStarted(method);
    observer.callFinished(method, 0, 3);
    observer.sessionAppendFinished(9, 1);
    observer.connectionRefused();
    const text = await registry.print();
    expect(text).toContain(`graveyar_calls_total{method="${method}",code="OK"} 1`);
    expect(text).toContain('graveyar_calls_total{method="session append",code="FAILED_PRECONDITION"} 1');
    expect(text).toContain(`graveyar_calls_in_flight{method="${method}"} 1`);
    expect(text).toContain(`graveyar_call_seconds_bucket{le="0.002",method="${method}"} 0`);
    expect(text).toContain(`graveyar_call_seconds_bucket{le="0.005",method="${method}"} 1`);
    expect(text).toContain('graveyar_connections_refused_total 1');
  });

  it('tell what became of appends, how groups grew and how long the disk took', async () => {
    const registry = new MetricsRegistry();
    const observer = createPipelineMetrics(registry);
    observer.appendAnswered('accepted', 5, 2);
    observer.appendAnswered('WRONG_EXPECTED_VERSION', 7, 1);
    observer.groupDecided(3, 5, 2000);
    observer.groupCommitted('committed', 4);
    observer.queueMeasured(11, 1200, 2);
    const text = await registry.print();
    for (const line of [
      'graveyar_appends_total{outcome="accepted"} 1',
      'graveyar_appends_total{outcome="WRONG_EXPECTED_VERSION"} 1',
      'graveyar_append_events_total 5',
      'graveyar_append_seconds_count 2',
      'graveyar_group_appends_bucket{le="2"} 0',
      'graveyar_group_appends_bucket{le="4"} 1',
      'graveyar_group_events_sum 5',
      'graveyar_group_bytes_sum 2000',
      'graveyar_groups_total{outcome="committed"} 1',
      'graveyar_commit_seconds_sum 0.004',
      'graveyar_append_queue_appends 11',
      'graveyar_append_queue_bytes 1200',
      'graveyar_groups_in_flight 2',
    ]) {
      expect(text).toContain(`\n${line}\n`);
    }
  });

  it('read numbers of the store anew each time, under legal names', async () => {
    const registry = new MetricsRegistry();
    let bytes = 1;
    registry.addSource('store_', () =>
      Promise.resolve(
        new Map([
          ['rocksdb.live-sst-bytes', bytes],
          ['appliedEnd', 2],
        ]),
      ),
    );
    expect(await registry.print()).toContain('\ngraveyar_store_rocksdb_live_sst_bytes 1\n');
    bytes = 5;
    const text = await registry.print();
    expect(text).toContain('\ngraveyar_store_rocksdb_live_sst_bytes 5\n');
    expect(text).toContain('\ngraveyar_store_applied_end 2\n');
  });

  it('include the process', async () => {
    const text = await new MetricsRegistry().print();
    expect(text).toContain('process_resident_memory_bytes');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
  });
});
