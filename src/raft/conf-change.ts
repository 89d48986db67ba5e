/**
 * Configuration changes as data (Raft dissertation, chapter 4; the joint form is that of section 4.3).
 *
 * Says what a change asks for and which of the three ways it takes: simple, entering a joint configuration, leaving it.
 * Must not know a configuration: whether a change is legal on top of one is the changer's business (changer.ts).
 */
import { NO_DATA } from './messages.ts';

/** What one step does to one node. */
export const ConfChangeType = {
  /** Make it a voter, whatever it was. */
  AddNode: 0,
  RemoveNode: 1,
  /** Changes nothing in the configuration; lets the application pass on a context. */
  UpdateNode: 2,
  /** Make it a learner; a voter of the outgoing half becomes one when the joint configuration is left. */
  AddLearnerNode: 3,
} as const;
export type ConfChangeType = (typeof ConfChangeType)[keyof typeof ConfChangeType];

/** How a change that needs a joint configuration gets out of it again. */
export const ConfChangeTransition = {
  /** Simple if there is at most one step, else joint and left automatically. */
  Auto: 0,
  /** Joint, and left automatically as soon as it is applied. */
  JointImplicit: 1,
  /** Joint until an empty change is proposed. */
  JointExplicit: 2,
} as const;
export type ConfChangeTransition = (typeof ConfChangeTransition)[keyof typeof ConfChangeTransition];

/** One step of a change. A node id of 0 makes it a step that does nothing. */
export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: number;
}

/** A configuration change. Without steps and with an automatic transition it leaves a joint configuration. */
export interface ConfChange {
  readonly transition: ConfChangeTransition;
  /** Carried out in this order. */
  readonly changes: readonly ConfChangeSingle[];
  /** For the application; the core does not look at it. */
  readonly context: Uint8Array;
}

/** A change of these steps. */
export function confChange(
  changes: readonly ConfChangeSingle[],
  transition: ConfChangeTransition = ConfChangeTransition.Auto,
  context: Uint8Array = NO_DATA,
): ConfChange {
  return { transition, changes, context };
}

/** The change that leaves a joint configuration. */
export const LEAVE_JOINT: ConfChange = confChange([]);

/** Whether a change leaves a joint configuration. */
export function leavesJoint(change: ConfChange): boolean {
  return change.changes.length === 0 && change.transition === ConfChangeTransition.Auto;
}

/** Whether a change enters a joint configuration, and if so, whether that is left automatically. */
export function entersJoint(change: ConfChange): 'no' | 'auto-leave' | 'explicit-leave' {
  if (change.transition === ConfChangeTransition.JointExplicit) return 'explicit-leave';
  if (change.transition === ConfChangeTransition.JointImplicit || change.changes.length > 1) return 'auto-leave';
  return 'no';
}
