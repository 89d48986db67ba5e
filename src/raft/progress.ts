/**
 * A leader's view of one peer: how far their logs agree, what is on its way, and how fast to send.
 *
 * Invariant: 0 <= match < next; in the snapshot state next = pendingSnapshot + 1. Between match and next entries are in
 * flight. Must not know messages: replication.ts asks it what may be sent and tells it what was.
 */
import { assert } from '../lib/assert.ts';
import type { Inflights } from './inflights.ts';
import { ProgressState } from './status.ts';

export class Progress {
  /** Highest index at which the peer's log is known to agree. */
  match: number;
  /** Index of the next entry to send. */
  next: number;
  /** Highest commit index in flight to the peer; goes back when a message carrying it may have been lost. */
  sentCommit = 0;
  state: ProgressState = ProgressState.Probe;
  /** In the snapshot state: index of the snapshot being sent; else 0. */
  pendingSnapshot = 0;
  /** Whether the peer was heard of since the last check for a quorum. */
  recentActive = false;
  /** A probe, or a full window, waits for an answer; a heartbeat's answer lets one more message out. */
  flowPaused = false;
  isLearner: boolean;
  readonly inflights: Inflights;

  constructor(match: number, next: number, inflights: Inflights, isLearner: boolean) {
    this.match = match;
    this.next = next;
    this.inflights = inflights;
    this.isLearner = isLearner;
  }

  /** A copy that shares the in-flight window: of the two only one lives on, with a different role. */
  withSharedWindow(): Progress {
    const copy = new Progress(this.match, this.next, this.inflights, this.isLearner);
    copy.sentCommit = this.sentCommit;
    copy.state = this.state;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.recentActive = this.recentActive;
    copy.flowPaused = this.flowPaused;
    return copy;
  }

  #resetState(state: ProgressState): void {
    this.flowPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }

  /** Probes from what is known to agree, or from behind the snapshot that was being sent. */
  becomeProbe(): void {
    const afterSnapshot = this.state === ProgressState.Snapshot ? this.pendingSnapshot + 1 : 0;
    this.#resetState(ProgressState.Probe);
    this.next = Math.max(this.match + 1, afterSnapshot);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.#resetState(ProgressState.Replicate);
    this.next = this.match + 1;
  }

  /** Waits for the snapshot at `index`. */
  becomeSnapshot(index: number): void {
    this.#resetState(ProgressState.Snapshot);
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** Notes that a MsgApp with the `count` entries from `next` on, of `bytes` payload, is being sent. */
  sentEntries(count: number, bytes: number): void {
    if (this.state === ProgressState.Replicate) {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      // A message into a full window counts as a probe: the next one waits for an answer.
      this.flowPaused = this.inflights.full;
      return;
    }
    assert(this.state === ProgressState.Probe, 'sent entries to a peer that waits for a snapshot');
    if (count > 0) this.flowPaused = true;
  }

  /** Whether telling the peer `commit` may move its commit index and has not been done up to `next`. */
  canBumpCommit(commit: number): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The peer acknowledged `index`. False when that is old news. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.flowPaused = false;
    return true;
  }

  /**
   * The peer rejected a MsgApp at `rejected` and hints that the logs may agree at `matchHint`. Moves `next` back, or
   * answers false when the rejection is of a message that newer knowledge has overtaken.
   */
  maybeDecrementTo(rejected: number, matchHint: number): boolean {
    if (this.state === ProgressState.Replicate) {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.sentCommit = Math.min(this.sentCommit, this.next - 1);
      return true;
    }
    // Outside replication one message is out at a time, so a genuine rejection is of the one before `next`.
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, matchHint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.flowPaused = false;
    return true;
  }

  /** Whether entries are held back: a probe is out, the window is full, or a snapshot is on its way. */
  get paused(): boolean {
    return this.state === ProgressState.Snapshot || this.flowPaused;
  }
}
