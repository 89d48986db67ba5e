/**
 * Metrics of a member of a cluster: its part, elections, the time of syncs and of applying, snapshots, stalls of the disk.
 */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { ClusterObserver } from './cluster-observer.ts';
import { METRIC_PREFIX, SECONDS_BUCKETS } from './metrics-registry.ts';
import type { MetricsRegistry } from './metrics-registry.ts';

const ENTRIES_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const ROLES = ['leader', 'follower', 'candidate', 'learner'] as const;

/** Makes the observer and registers its metrics. */
export function createClusterMetrics({ registry }: MetricsRegistry): ClusterObserver {
  const registers = [registry];
  const role = new Gauge({
    name: `${METRIC_PREFIX}raft_role`,
    help: 'One for the part that this member has, zero for the others.',
    labelNames: ['role'],
    registers,
  });
  const roleChanges = counter('raft_role_changes_total', 'Changes of role, term or leader.');
  const elections = counter('raft_elections_total', 'Elections begun by this member.');
  const syncSeconds = histogram('log_sync_seconds', 'Time until a write to the log was durable.', SECONDS_BUCKETS);
  const syncEntries = histogram('log_write_entries', 'Entries of one write to the log.', ENTRIES_BUCKETS);
  const applySeconds = histogram('apply_seconds', 'Time from handing entries out until applied.', SECONDS_BUCKETS);
  const applied = counter('applied_entries_total', 'Entries applied.');
  const stalls = counter('disk_stalls_total', 'Ticks at which the disk of the log stood still for too long.');
  const transfers = new Counter({
    name: `${METRIC_PREFIX}snapshot_transfers_total`,
    help: 'Snapshots, by direction and outcome.',
    labelNames: ['direction', 'outcome'],
    registers,
  });

  function counter(name: string, help: string): Counter {
    return new Counter({ name: METRIC_PREFIX + name, help, registers });
  }
  function histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: METRIC_PREFIX + name, help, buckets, registers });
  }

  return {
    roleChanged: (now) => {
      for (const one of ROLES) role.set({ role: one }, one === now ? 1 : 0);
      roleChanges.inc();
    },
    electionStarted: () => {
      elections.inc();
    },
    logSynced: (millis, entries) => {
      syncSeconds.observe(millis / 1000);
      syncEntries.observe(entries);
    },
    applied: (entries, millis) => {
      applied.inc(entries);
      applySeconds.observe(millis / 1000);
    },
    snapshotTransferred: (direction, outcome) => {
      transfers.inc({ direction, outcome });
    },
    diskStalled: () => {
      stalls.inc();
    },
  };
}
