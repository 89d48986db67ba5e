/**
 * What the concerns of a plan have in common. A concern looks at the situation and has an intent, or none; the first intent with a step,
 * in the order of concerns, is the plan. Must not know any single concern.
 */
import type { PlannedEvent, Step } from './action.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Observed } from './observed.ts';
import type { Places } from './place.ts';
import type { Rules } from './rules.ts';

/** What is being done, as the reason of the condition Progressing. */
export type Work =
  | 'Founding'
  | 'Adopting'
  | 'Starting'
  | 'ChangingMembers'
  | 'ScalingUp'
  | 'ScalingDown'
  | 'ReplacingMember'
  | 'RollingUpdate'
  | 'GrowingVolumes'
  | 'UpdatingRetention'
  | 'ApplyingObjects'
  | 'CleaningUp';

export interface Intent {
  readonly work: Work;
  /** What is done, or waited for. */
  readonly message: string;
  /** Null: it waits. */
  readonly step: Step | null;
  /** Keeps later concerns from having a step. Always, with a step. */
  readonly holds: boolean;
  /** Tells people of the step. */
  readonly event: PlannedEvent | null;
}

/** What a concern may look at. */
export interface Situation {
  readonly observed: Observed;
  readonly places: Places;
  readonly rules: Rules;
}

/** A situation with a confirmed leader. */
export interface LedSituation extends Situation {
  readonly view: ClusterView;
}

export type Concern = (situation: LedSituation) => Intent | null;

/** Do this now. `reason` is that of the event. */
export function doStep(work: Work, step: Step, reason: string, message: string): Intent {
  return { work, message, step, holds: true, event: { type: 'Normal', reason, message } };
}

/** Nothing else until this has come. */
export function hold(work: Work, message: string): Intent {
  return { work, message, step: null, holds: true, event: null };
}

/** This takes its time; what comes later may go on meanwhile. */
export function wait(work: Work, message: string): Intent {
  return { work, message, step: null, holds: false, event: null };
}
