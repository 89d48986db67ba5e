/**
 * A leader's side of proposals: entries into its log, at most one configuration change at a time, and leaving joint
 * configurations by itself (Raft paper, section 5.3; dissertation, chapter 4).
 */
import { assert } from '../lib/assert.ts';
import { decodeConfChange } from './conf-change-codec.ts';
import { type Entry, EntryType, type Message, NO_DATA, NONE } from './messages.ts';
import type { NewEntry, Raft } from './raft.ts';
import { StateType } from './ready.ts';
import { broadcastAppend } from './replication.ts';
import type { ProposalRefusal, ProposalRefused, ProposalResult } from './results.ts';

const REFUSED_CONF_CHANGE: NewEntry = { type: EntryType.Normal, data: NO_DATA };
/** Leaves a joint configuration; without data, so that no limit refuses it. */
const AUTO_LEAVE: NewEntry = { type: EntryType.ConfChangeV2, data: NO_DATA };

function refuse(raft: Raft, reason: ProposalRefusal): ProposalRefused {
  return { ok: false, reason, leader: raft.lead };
}

/** Why a configuration change is not possible now, or null. */
function checkConfChange(raft: Raft, stepCount: number): string | null {
  const { applied } = raft.log;
  if (raft.pendingConfIndex > applied) {
    return `possible unapplied conf change at index ${raft.pendingConfIndex} (applied to ${applied})`;
  }
  const { isJoint } = raft.tracker;
  const wantsToLeave = stepCount === 0;
  if (isJoint && !wantsToLeave) return 'must transition out of joint config first';
  if (!isJoint && wantsToLeave) return 'not in joint state; refusing empty conf change';
  return null;
}

/** Leader: appends the entries of a MsgProp and sends them out. */
export function handleProposal(raft: Raft, message: Message): ProposalResult {
  return appendProposals(raft, message.entries);
}

function appendProposals(raft: Raft, entries: readonly (Entry | NewEntry)[]): ProposalResult {
  assert(entries.length > 0, 'a proposal without entries');
  if (raft.tracker.get(raft.id) === undefined) return refuse(raft, 'not-a-member');
  if (raft.leadTransferee !== NONE) return refuse(raft, 'transferring-leadership');

  let proposed: readonly NewEntry[] = entries;
  let ignored: string | null = null;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as NewEntry;
    if (entry.type === EntryType.Normal) continue;
    const change = decodeConfChange(entry);
    if (change === undefined) return refuse(raft, 'invalid-conf-change');
    const problem = checkConfChange(raft, change.changes.length);
    if (problem !== null && !raft.config.disableConfChangeValidation) {
      ignored = problem;
      proposed = proposed.with(i, REFUSED_CONF_CHANGE);
    } else {
      raft.pendingConfIndex = raft.log.lastIndex() + i + 1;
    }
  }
  if (!raft.appendEntries(proposed)) return refuse(raft, 'uncommitted-limit');
  broadcastAppend(raft);
  return { ok: true, term: raft.term, index: raft.log.lastIndex(), ignoredConfChange: ignored };
}

/**
 * The application has applied up to `index`, `size` bytes of it in one task. A leader that thereby applied everything that
 * led into a joint configuration leaves it, if that is to happen automatically. The proposal may be refused, for example
 * during a leadership transfer; then the next applied entry brings the next try.
 */
export function appliedTo(raft: Raft, index: number, size: number): void {
  const applied = Math.max(index, raft.log.applied);
  raft.log.appliedTo(applied, size);
  if (!raft.tracker.confState.autoLeave || raft.state !== StateType.Leader) return;
  if (applied >= raft.pendingConfIndex) appendProposals(raft, [AUTO_LEAVE]);
}
