/**
 * What a plan can ask for: a closed set. Carried out by `operator/apply`.
 *
 * Invariants: every action may be repeated, and does nothing when what it asks for is so already; every deletion names the uid that was
 * seen, so that it cannot meet a namesake (a precondition of the API server). *Upkeep* can cost nobody anything. A *step* changes
 * who belongs to the cluster or stops something: a plan has at most one, and what comes after is planned from a new observation.
 */
import type { ClusterStatus } from '../api/cluster-status.ts';
import type { Retention } from './observed.ts';

/** Can be done at any time, in any order; one that fails does not keep the others, or the step, from being done. */
export type Upkeep =
  /** Sets `persistentVolumeClaimRetentionPolicy.whenDeleted` of the StatefulSet, and nothing else, unless that was changed since it was seen. */
  | {
      readonly kind: 'set-retention';
      readonly member: string;
      readonly statefulSetUid: string;
      readonly whenDeleted: Retention;
    }
  /** Server-side apply of Services, ServiceAccount, Role, RoleBinding and PodDisruptionBudget. */
  | { readonly kind: 'apply-shared-objects' }
  /** Labels `graveyar.dev/member-id` on the StatefulSet and its pod, as far as they are missing or wrong. Not in the pod template. */
  | { readonly kind: 'label-member'; readonly member: string; readonly memberId: number }
  /** Puts `graveyar.dev/role: leader` on the member's pod (`leader`), or takes it away. */
  | { readonly kind: 'label-role'; readonly member: string; readonly podUid: string; readonly leader: boolean };

/** Exactly one at a time. */
export type Step =
  /**
   * Server-side apply of the member's StatefulSet as the spec has it now. When it is there already: only its template changes, and
   * by its update strategy (OnDelete) its pod is left alone.
   */
  | { readonly kind: 'apply-stateful-set'; readonly member: string }
  /** `Cluster.Found` at this member. The server refuses unless it is this id and belongs to no other cluster. */
  | { readonly kind: 'found'; readonly member: string; readonly clusterId: string; readonly memberId: number }
  /** `Cluster.AddLearner` at the leader, for whoever has this id at the member's peer address. */
  | { readonly kind: 'add-learner'; readonly leader: string; readonly member: string; readonly memberId: number }
  /** `Cluster.Promote` at the leader. */
  | { readonly kind: 'promote'; readonly leader: string; readonly member: string; readonly memberId: number }
  /** `Cluster.Replace` at the leader: the learner takes the vote of the voter of the same name whose volume is lost. */
  | {
      readonly kind: 'replace';
      readonly leader: string;
      readonly member: string;
      readonly oldMemberId: number;
      readonly memberId: number;
    }
  /** `Cluster.Remove` at the leader. */
  | { readonly kind: 'remove'; readonly leader: string; readonly member: string; readonly memberId: number }
  /** `Cluster.TransferLeadership` at the leader, to this member. */
  | {
      readonly kind: 'transfer-leadership';
      readonly leader: string;
      readonly member: string;
      readonly memberId: number;
    }
  /** Deletes the pod, gracefully (its StatefulSet makes it anew, from its template). */
  | { readonly kind: 'delete-pod'; readonly member: string; readonly podUid: string }
  /** Deletes the StatefulSet with its pod (propagation Background). Its claim stays. */
  | { readonly kind: 'delete-stateful-set'; readonly member: string; readonly statefulSetUid: string }
  /** Deletes the claim, and with it what is on the volume, as soon as no pod uses it. */
  | { readonly kind: 'delete-claim'; readonly member: string; readonly claimUid: string }
  /** Sets `spec.resources.requests.storage` of the claim. */
  | { readonly kind: 'grow-claim'; readonly member: string; readonly claimUid: string; readonly bytes: number }
  /** Deletes the StatefulSet and leaves its pod (propagation Orphan): its claim template cannot be changed. It is then applied anew. */
  | { readonly kind: 'orphan-stateful-set'; readonly member: string; readonly statefulSetUid: string };

/** What happens, told to people through an Event of the custom resource. The recorder takes care of repetitions. */
export interface PlannedEvent {
  readonly type: 'Normal' | 'Warning';
  /** One word, such as `MemberAdded`. */
  readonly reason: string;
  readonly message: string;
}

/**
 * What is to be done now. In this order: write `status` if it differs from the resource's (with the resourceVersion that was observed; on a
 * conflict drop the plan and observe again: founding rests on it); then `upkeep`; then `step`; then observe and plan again, at once after a
 * step or a failed one after a while, else when something changes or `requeueAfterMillis` has passed.
 */
export interface Plan {
  /** The whole status as it should be. */
  readonly status: ClusterStatus;
  readonly upkeep: readonly Upkeep[];
  /** Null: nothing to do now. */
  readonly step: Step | null;
  /** To be recorded when the status is written, before the step. */
  readonly events: readonly PlannedEvent[];
  /** When to look again, whatever happens. Bounded. */
  readonly requeueAfterMillis: number;
}
