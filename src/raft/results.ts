/**
 * What a call into the core answers. Refusals are ordinary outcomes and say who to ask instead; they are never thrown.
 */

/** Why a proposal was not taken. Nothing of it is in any log, so it may be proposed again. */
export type ProposalRefusal =
  /** No leader is known. */
  | 'no-leader'
  /** Another node leads, and this one is configured not to forward. */
  | 'forwarding-disabled'
  /** This node leads but was removed from the configuration. */
  | 'not-a-member'
  /** This node leads but is handing leadership over. */
  | 'transferring-leadership'
  /** The bound on uncommitted bytes is reached; wait for commits. */
  | 'uncommitted-limit'
  /** A configuration change that cannot be decoded. */
  | 'invalid-conf-change';

/** A proposal was not taken. */
export interface ProposalRefused {
  readonly ok: false;
  readonly reason: ProposalRefusal;
  /** The leader to ask, or 0 when none is known. May be this node itself. */
  readonly leader: number;
}

/** A proposal is in the leader's log, or on its way there. It may still be lost until it is committed. */
export interface ProposalTaken {
  readonly ok: true;
  /** Term of the entries; 0 when they were forwarded to the leader. */
  readonly term: number;
  /** Index of the last entry proposed; 0 when they were forwarded to the leader. */
  readonly index: number;
  /** When a configuration change was replaced by an empty entry because it is not possible now: why. Else null. */
  readonly ignoredConfChange: string | null;
}

export type ProposalResult = ProposalTaken | ProposalRefused;

/** Why a message was not handled. */
export type StepRefusal =
  /** A kind of message that only this node may send to itself came from the network. */
  | 'local-message'
  /** A response from somebody who is not in the configuration. */
  | 'peer-not-found';

/** A message was not handled. */
export interface StepRefused {
  readonly ok: false;
  readonly reason: StepRefusal;
  readonly leader: number;
}

/** A message was handled (which includes being ignored for its term). */
export interface Stepped {
  readonly ok: true;
}

export type StepResult = Stepped | ProposalTaken | ProposalRefused | StepRefused;

/** The shared answer of everything that simply worked. */
export const STEPPED: Stepped = { ok: true };
