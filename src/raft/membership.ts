/**
 * The configuration at work on one node: taking up a new one, applying committed changes, and starting from storage
 * (Raft dissertation, chapter 4).
 *
 * A change takes effect when it is applied, not when it is appended; that no second one is in the log meanwhile is checked
 * where changes are proposed (proposals.ts).
 */
import { applyChange, type Membership, type NewMemberDefaults, restoreMembership } from './changer.ts';
import { decodeConfChange } from './conf-change-codec.ts';
import type { RaftConfig } from './config.ts';
import { type ConfState, EMPTY_HARD_STATE, type Entry, type HardState, NONE } from './messages.ts';
import { Raft } from './raft.ts';
import { StateType } from './ready.ts';
import { releasePendingReads } from './reads.ts';
import { broadcastAppend, maybeSendAppend } from './replication.ts';

/** What applying a configuration change came to. */
export interface AppliedConfChange {
  /** The configuration now in force, to be kept with the state machine. */
  readonly confState: ConfState;
  /** Null when the change was made; else why it is impossible, so that it was skipped, on every replica alike. */
  readonly skipped: string | null;
}

function newMemberDefaults(raft: Raft): NewMemberDefaults {
  const { maxInflightMsgs, maxInflightBytes } = raft.config;
  return { lastIndex: raft.log.lastIndex(), maxInflightMsgs, maxInflightBytes };
}

function isEmpty(hardState: HardState): boolean {
  const { term, vote, commit } = EMPTY_HARD_STATE;
  return hardState.term === term && hardState.vote === vote && hardState.commit === commit;
}

/** A node as a follower, from what its storage holds. Throws InvalidRaftConfig on settings out of range. */
export function newRaft(config: RaftConfig): Raft {
  const raft = new Raft(config);
  const { hardState, confState } = raft.config.storage.initialState();
  switchToMembership(raft, restoreMembership(confState, newMemberDefaults(raft)));
  if (!isEmpty(hardState)) raft.loadHardState(hardState);
  if (raft.config.applied > 0) raft.log.appliedTo(raft.config.applied, 0);
  raft.becomeFollower(raft.term, NONE);
  return raft;
}

/** Replaces the configuration by that of a snapshot. */
export function restoreConfState(raft: Raft, confState: ConfState): void {
  switchToMembership(raft, restoreMembership(confState, newMemberDefaults(raft)));
}

/**
 * Applies the configuration change that a committed entry carries. One that is impossible on top of the present
 * configuration, or that cannot be decoded, changes nothing: the answer depends on log and configuration alone, so that
 * all replicas skip the same changes.
 */
export function applyConfChange(raft: Raft, entry: Pick<Entry, 'type' | 'data'>): AppliedConfChange {
  const change = decodeConfChange(entry);
  if (change === undefined) return { confState: raft.tracker.confState, skipped: 'not a valid configuration change' };
  const { confState, progress } = raft.tracker;
  const outcome = applyChange({ confState, progress }, change, newMemberDefaults(raft));
  if (!outcome.ok) return { confState, skipped: outcome.reason };
  switchToMembership(raft, outcome.membership);
  return { confState: outcome.membership.confState, skipped: null };
}

function switchToMembership(raft: Raft, { confState, progress }: Membership): void {
  raft.tracker.reset(confState, progress);
  const own = progress.get(raft.id);
  raft.isLearner = own?.isLearner === true;
  if (raft.state !== StateType.Leader) return;
  if (own === undefined || raft.isLearner) {
    // Removed or demoted (dissertation, section 4.2.2).
    if (raft.config.stepDownOnRemoval) raft.becomeFollower(raft.term, NONE);
    return;
  }
  if (confState.voters.length === 0) return;

  // A smaller quorum may have committed more; otherwise new members need not wait for the next heartbeat.
  if (raft.maybeCommit()) {
    releasePendingReads(raft);
    broadcastAppend(raft);
  } else {
    for (const id of raft.tracker.ids) if (id !== raft.id) maybeSendAppend(raft, id, false);
  }
  if (raft.leadTransferee !== NONE && !raft.tracker.voterIds().includes(raft.leadTransferee)) {
    raft.leadTransferee = NONE;
  }
}
