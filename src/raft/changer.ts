/**
 * What a configuration change makes of a configuration (Raft dissertation, chapter 4; section 4.3 for the joint form).
 *
 * Pure: from a configuration with its members' progress to the next one, or to the reason why there is none. The answer
 * depends on the configuration and the change alone, so that every replica that applies the same entry comes to the same
 * one. Must not know who leads, nor the log.
 */
import { assert } from '../lib/assert.ts';
import { type ConfChange, type ConfChangeSingle, ConfChangeType, entersJoint, leavesJoint } from './conf-change.ts';
import { Inflights } from './inflights.ts';
import { type ConfState, EMPTY_CONF_STATE } from './messages.ts';
import { Progress } from './progress.ts';
import { sortedIds } from './quorum.ts';
import type { ProgressMap } from './tracker.ts';

/** A configuration and its members. */
export interface Membership {
  readonly confState: ConfState;
  readonly progress: ProgressMap;
}

/** The next configuration, or why the change is impossible on top of the present one. */
export type ChangeOutcome =
  { readonly ok: true; readonly membership: Membership } | { readonly ok: false; readonly reason: string };

/** What the progress of a new member starts from. */
export interface NewMemberDefaults {
  /** Last index of the log: the first probe goes there. */
  readonly lastIndex: number;
  readonly maxInflightMsgs: number;
  readonly maxInflightBytes: number;
}

/** A configuration being edited. */
class Draft {
  readonly voters: Set<number>;
  readonly outgoing: Set<number>;
  readonly learners: Set<number>;
  readonly learnersNext: Set<number>;
  readonly progress = new Map<number, Progress>();
  autoLeave: boolean;
  readonly #defaults: NewMemberDefaults;

  constructor(from: Membership, defaults: NewMemberDefaults) {
    this.voters = new Set(from.confState.voters);
    this.outgoing = new Set(from.confState.votersOutgoing);
    this.learners = new Set(from.confState.learners);
    this.learnersNext = new Set(from.confState.learnersNext);
    this.autoLeave = from.confState.autoLeave;
    this.#defaults = defaults;
    for (const [id, progress] of from.progress) this.progress.set(id, progress.withSharedWindow());
  }

  /** Carries out the steps on the incoming half. Answers why it cannot, or null. */
  apply(changes: readonly ConfChangeSingle[]): string | null {
    for (const { type, nodeId } of changes) {
      if (nodeId === 0) continue;
      if (type === ConfChangeType.AddNode) this.#makeVoter(nodeId);
      else if (type === ConfChangeType.AddLearnerNode) this.#makeLearner(nodeId);
      else if (type === ConfChangeType.RemoveNode) this.#remove(nodeId);
    }
    return this.voters.size === 0 ? 'removed all voters' : null;
  }

  leaveJoint(): void {
    for (const id of this.learnersNext) {
      this.learners.add(id);
      const progress = this.progress.get(id);
      if (progress !== undefined) progress.isLearner = true;
    }
    this.learnersNext.clear();
    for (const id of this.outgoing) {
      if (!this.voters.has(id) && !this.learners.has(id)) this.progress.delete(id);
    }
    this.outgoing.clear();
    this.autoLeave = false;
  }

  finish(): Membership {
    const confState: ConfState = {
      voters: sortedIds(this.voters),
      learners: sortedIds(this.learners),
      votersOutgoing: sortedIds(this.outgoing),
      learnersNext: sortedIds(this.learnersNext),
      autoLeave: this.autoLeave,
    };
    const membership = { confState, progress: this.progress };
    assertConsistent(membership);
    return membership;
  }

  #makeVoter(id: number): void {
    const progress = this.progress.get(id);
    if (progress === undefined) {
      this.#addMember(id, false);
      return;
    }
    progress.isLearner = false;
    this.learners.delete(id);
    this.learnersNext.delete(id);
    this.voters.add(id);
  }

  #makeLearner(id: number): void {
    const progress = this.progress.get(id);
    if (progress === undefined) {
      this.#addMember(id, true);
      return;
    }
    if (progress.isLearner) return;
    this.#remove(id);
    this.progress.set(id, progress);
    // Who still votes in the outgoing half becomes a learner only when that half is gone.
    if (this.outgoing.has(id)) {
      this.learnersNext.add(id);
    } else {
      progress.isLearner = true;
      this.learners.add(id);
    }
  }

  #remove(id: number): void {
    if (!this.progress.has(id)) return;
    this.voters.delete(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
    if (!this.outgoing.has(id)) this.progress.delete(id);
  }

  #addMember(id: number, isLearner: boolean): void {
    (isLearner ? this.learners : this.voters).add(id);
    const { lastIndex, maxInflightMsgs, maxInflightBytes } = this.#defaults;
    const window = new Inflights(maxInflightMsgs, maxInflightBytes);
    const progress = new Progress(0, Math.max(lastIndex, 1), window, isLearner);
    // Counts as heard of, or a check for a quorum right after the change could depose the leader.
    progress.recentActive = true;
    this.progress.set(id, progress);
  }
}

/** Voters and learners never overlap, staged learners still vote in the outgoing half, and each member has a progress. */
function assertConsistent({ confState, progress }: Membership): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  for (const id of [...voters, ...votersOutgoing, ...learners, ...learnersNext]) {
    assert(progress.has(id), () => `no progress for member ${id}`);
  }
  for (const id of learnersNext) {
    assert(votersOutgoing.includes(id), () => `staged learner ${id} is not an outgoing voter`);
    assert(progress.get(id)?.isLearner === false, () => `staged learner ${id} is marked as a learner already`);
  }
  for (const id of learners) {
    assert(!votersOutgoing.includes(id) && !voters.includes(id), () => `learner ${id} is also a voter`);
    assert(progress.get(id)?.isLearner === true, () => `learner ${id} is not marked as one`);
  }
  if (votersOutgoing.length === 0) {
    assert(learnersNext.length === 0 && !autoLeave, 'staged learners or auto-leave outside a joint configuration');
  }
}

function refuse(reason: string): ChangeOutcome {
  return { ok: false, reason };
}

function isJoint(membership: Membership): boolean {
  return membership.confState.votersOutgoing.length > 0;
}

/** One more, one fewer or the same voters, without a joint configuration (dissertation, section 4.1). */
export function simpleChange(
  from: Membership,
  changes: readonly ConfChangeSingle[],
  defaults: NewMemberDefaults,
): ChangeOutcome {
  if (isJoint(from)) return refuse("can't apply simple config change in joint config");
  const draft = new Draft(from, defaults);
  const failure = draft.apply(changes);
  if (failure !== null) return refuse(failure);
  const kept = from.confState.voters.filter((id) => draft.voters.has(id)).length;
  const changed = from.confState.voters.length - kept + (draft.voters.size - kept);
  if (changed > 1) {
    return refuse('more than one voter changed without entering joint config');
  }
  return { ok: true, membership: draft.finish() };
}

/** From C_old to C_old,new: the present voters become the outgoing half, and the changes make the incoming one. */
export function enterJoint(
  from: Membership,
  changes: readonly ConfChangeSingle[],
  autoLeave: boolean,
  defaults: NewMemberDefaults,
): ChangeOutcome {
  if (isJoint(from)) return refuse('config is already joint');
  if (from.confState.voters.length === 0) return refuse("can't make a zero-voter config joint");
  const draft = new Draft(from, defaults);
  for (const id of draft.voters) draft.outgoing.add(id);
  const failure = draft.apply(changes);
  if (failure !== null) return refuse(failure);
  draft.autoLeave = autoLeave;
  return { ok: true, membership: draft.finish() };
}

/** From C_old,new to C_new; staged learners become learners. */
export function leaveJoint(from: Membership, defaults: NewMemberDefaults): ChangeOutcome {
  if (!isJoint(from)) return refuse("can't leave a non-joint config");
  const draft = new Draft(from, defaults);
  draft.leaveJoint();
  return { ok: true, membership: draft.finish() };
}

/** Carries out a change in the way it asks for. */
export function applyChange(from: Membership, change: ConfChange, defaults: NewMemberDefaults): ChangeOutcome {
  if (leavesJoint(change)) return leaveJoint(from, defaults);
  const entering = entersJoint(change);
  if (entering === 'no') return simpleChange(from, change.changes, defaults);
  return enterJoint(from, change.changes, entering === 'auto-leave', defaults);
}

function step(type: ConfChangeType, nodeId: number): ConfChangeSingle {
  return { type, nodeId };
}

/** Steps that make the incoming half of a configuration out of its outgoing half. */
function incomingSteps(confState: ConfState): ConfChangeSingle[] {
  return [
    ...confState.votersOutgoing.map((id) => step(ConfChangeType.RemoveNode, id)),
    ...confState.voters.map((id) => step(ConfChangeType.AddNode, id)),
    ...confState.learners.map((id) => step(ConfChangeType.AddLearnerNode, id)),
    ...confState.learnersNext.map((id) => step(ConfChangeType.AddLearnerNode, id)),
  ];
}

function mustSucceed(outcome: ChangeOutcome, what: ConfState): Membership {
  assert(outcome.ok, () => `no legal changes lead to ${JSON.stringify(what)}: ${outcome.ok ? '' : outcome.reason}`);
  return outcome.membership;
}

/**
 * The membership of a configuration read from storage or a snapshot, with fresh progress. It is built by legal changes
 * from the empty one, so that what cannot have come about is found here: it asserts.
 */
export function restoreMembership(confState: ConfState, defaults: NewMemberDefaults): Membership {
  let membership: Membership = { confState: EMPTY_CONF_STATE, progress: new Map() };
  const simple = (single: ConfChangeSingle): void => {
    membership = mustSucceed(simpleChange(membership, [single], defaults), confState);
  };
  if (confState.votersOutgoing.length === 0) {
    incomingSteps(confState).forEach(simple);
  } else {
    confState.votersOutgoing.forEach((id) => simple(step(ConfChangeType.AddNode, id)));
    const steps = incomingSteps(confState);
    membership = mustSucceed(enterJoint(membership, steps, confState.autoLeave, defaults), confState);
  }
  const built = membership.confState;
  const same =
    sameIds(built.voters, confState.voters) &&
    sameIds(built.votersOutgoing, confState.votersOutgoing) &&
    sameIds(built.learners, confState.learners) &&
    sameIds(built.learnersNext, confState.learnersNext) &&
    built.autoLeave === confState.autoLeave;
  assert(same, () => `restored ${JSON.stringify(built)} from ${JSON.stringify(confState)}`);
  return membership;
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  const sorted = b.toSorted((x, y) => x - y);
  return a.length === sorted.length && a.every((id, i) => id === sorted[i]);
}
