/**
 * What a member of a cluster reports of its work, as a port: metrics implement it, tests look through it. Implementations return
 * at once and never throw. Knows nothing of metrics.
 */

export interface ClusterObserver {
  /** The member's part changed. `leaderId` is 0 when none is known. */
  roleChanged(role: 'leader' | 'follower' | 'candidate' | 'learner', term: number, leaderId: number): void;
  /** An election was begun here. */
  electionStarted(term: number): void;
  /** A write to the log became durable. `millis` from handing it over. */
  logSynced(millis: number, entries: number): void;
  /** Committed entries were applied, `millis` from being handed out. */
  applied(entries: number, millis: number): void;
  /** A snapshot was sent or received, or that failed. */
  snapshotTransferred(direction: 'sent' | 'received', outcome: 'completed' | 'failed', events: number): void;
  /** The log's disk does not answer for so long that this member keeps out of elections, or leads no more. */
  diskStalled(millis: number): void;
}

/** Reports to nobody. */
export const SILENT_CLUSTER: ClusterObserver = {
  roleChanged: () => undefined,
  electionStarted: () => undefined,
  logSynced: () => undefined,
  applied: () => undefined,
  snapshotTransferred: () => undefined,
  diskStalled: () => undefined,
};
