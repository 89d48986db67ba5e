/**
 * What is observed of one cluster, as plain data: the whole input of the plan. Filled by `operator/observe`, from lists of the
 * API server and each member's own answer.
 *
 * Invariant: nothing here is remembered by the operator; every field can be seen again by a new process. The Kubernetes part may
 * be stale; an answer is what that member said now, which may be old news of the cluster (the plan weighs the answers).
 *
 * "Member" with a name is a place: a StatefulSet, its pod and its volume, `<cluster>-<number>`. A member with an id is an identity in
 * the store's configuration, which lives on a volume: an empty volume in the same place is another id.
 */
import type { ClusterStatus } from '../api/cluster-status.ts';

/** What becomes of volumes when the cluster is deleted. */
export type Retention = 'Retain' | 'Delete';

/** The cluster as it is wanted, and as it was last described. */
export interface ObservedResource {
  /** `metadata.name`; members are `<name>-<number>`. */
  readonly name: string;
  readonly generation: number;
  /** It has a `deletionTimestamp`. */
  readonly deleting: boolean;
  /** The annotation `graveyar.dev/paused` is "true". */
  readonly paused: boolean;
  /** `spec.replicas`: voters wanted; 1, 3 or 5. */
  readonly replicas: number;
  /** `spec.storage.size` in bytes. */
  readonly storageBytes: number;
  /** `spec.storage.whenDeleted`. */
  readonly whenDeleted: Retention;
  /** `status` as it is in the API server; `{}` when there is none. */
  readonly status: ClusterStatus;
}

/** A StatefulSet of the cluster. One that is not the cluster's by owner reference and labels must be left out. */
export interface ObservedStatefulSet {
  /** Name of the member, of the StatefulSet, in the store. */
  readonly member: string;
  readonly uid: string;
  /** It has a `deletionTimestamp`. */
  readonly deleting: boolean;
  /** `graveyar.dev/template-hash`: which template its next pod is made from. Null: it has none, which is outdated. */
  readonly templateHash: string | null;
  /** What its `volumeClaimTemplates` ask for, in bytes. */
  readonly storageBytes: number;
  /** `persistentVolumeClaimRetentionPolicy.whenDeleted`. */
  readonly whenDeleted: Retention;
  /** Label `graveyar.dev/member-id`; null: none, or no number. */
  readonly memberId: number | null;
  /** Why it has made no pod for too long, for messages only; null: it has one, or could not have one yet. */
  readonly podTrouble: string | null;
}

/**
 * How far a pod is. `unscheduled`: no node takes it. `starting`: on a node, and no container has run yet or it is being pulled. `running`: the
 * container runs, and is not ready. `ready`: the pod is Ready. `failing`: the container ended and is started again, or its image
 * cannot be had (waiting with CrashLoopBackOff, ImagePullBackOff, ErrImagePull, CreateContainerError and the like, phase Failed).
 */
export type PodState = 'unscheduled' | 'starting' | 'running' | 'ready' | 'failing';

/** The pod of a member, `<member>-0`. */
export interface ObservedPod {
  readonly member: string;
  readonly uid: string;
  /** It has a `deletionTimestamp`. */
  readonly deleting: boolean;
  readonly state: PodState;
  /** What its container says for itself when it does not run ("ImagePullBackOff: …"), for messages; null: nothing. */
  readonly trouble: string | null;
  /** The template that it was made from: the same annotation, which is part of the template. Null: none, which is outdated. */
  readonly templateHash: string | null;
  /** It has the label `graveyar.dev/role: leader`. */
  readonly leaderLabel: boolean;
  /** Label `graveyar.dev/member-id`; null: none, or no number. */
  readonly memberId: number | null;
}

/** The volume claim of a member, `data-<member>-0`, found by that name and its labels, also with no StatefulSet. */
export interface ObservedClaim {
  readonly member: string;
  readonly uid: string;
  /** It has a `deletionTimestamp`: it goes as soon as its pod is gone. */
  readonly deleting: boolean;
  /** `status.phase`. `Lost`: its volume is gone. */
  readonly phase: 'Pending' | 'Bound' | 'Lost';
  /** `spec.resources.requests.storage`, in bytes. */
  readonly requestedBytes: number;
  /** `status.capacity.storage`, in bytes; 0 before it is bound. */
  readonly capacityBytes: number;
  /** Its condition FileSystemResizePending is True: the file system grows when the pod starts anew. */
  readonly resizeNeedsRestart: boolean;
  /** What is said of why it does not become as large as it asks for, for messages only; null: nothing. */
  readonly resizeTrouble: string | null;
  /** A StatefulSet of this name owns it: it is deleted when that is. Null: somebody else controls it, and Kubernetes leaves that so. */
  readonly goesWithStatefulSet: boolean | null;
  /** Made before the GraveyarCluster was: kept from an earlier life, and perhaps of another cluster. */
  readonly kept: boolean;
}

/** One of the members of the configuration, as the member that answers has it. */
export interface ConfiguredMember {
  readonly id: number;
  readonly name: string;
  readonly role: 'leader' | 'voter' | 'learner';
  /** Leaving in a joint configuration. */
  readonly outgoing: boolean;
  /** Heard of within an election timeout. Null: whoever answers does not lead. */
  readonly active: boolean | null;
  /** The last entry of the log known to be on its disk; null: not known. */
  readonly matchIndex: number | null;
  /** It is being sent a snapshot; null: whoever answers does not lead. */
  readonly snapshotting: boolean | null;
}

/** `Cluster.Status` of a member that belongs, or belonged, to a cluster. */
export interface MemberAnswer {
  readonly kind: 'member';
  readonly clusterId: string;
  readonly memberId: number;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner' | 'removed';
  readonly term: number;
  /** Null: it knows none. */
  readonly leaderId: number | null;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** A change of members is under way. */
  readonly changing: boolean;
  readonly members: readonly ConfiguredMember[];
}

/** What a place said when it was asked now, within a deadline. */
export type Answer =
  /** Nothing, or nothing that can be understood. Says nothing about its volume. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** It belongs to no cluster; its volume holds this id and nothing else. */
  | { readonly kind: 'waiting'; readonly memberId: number }
  | MemberAnswer;

/** What the last attempt to carry out a plan of this cluster failed at; for messages only: nothing is decided by it. */
export interface ObservedFailure {
  /** The kind of the action. */
  readonly action: string;
  readonly message: string;
}

/** All that is observed of a cluster. */
export interface Observed {
  /** Time of the observation, RFC 3339 with seconds (`2026-05-04T03:02:01Z`): for conditions. */
  readonly now: string;
  /** A new random id (UUID), used if a cluster is to be founded. Another one in every observation. */
  readonly freshClusterId: string;
  readonly resource: ObservedResource;
  /** The template hash that each member should have by the spec; the same for all members of the cluster. */
  readonly templateHash: string;
  /** Services, account, role, disruption budget are there as the spec wants them. */
  readonly sharedObjectsCurrent: boolean;
  readonly statefulSets: readonly ObservedStatefulSet[];
  readonly pods: readonly ObservedPod[];
  readonly claims: readonly ObservedClaim[];
  /** By member name: for every StatefulSet and pod there is. One that is missing counts as unreachable. */
  readonly answers: ReadonlyMap<string, Answer>;
  /**
   * Why a Secret that members are asked with cannot be read; null: it can be, or none is needed. Nobody was asked then, so that no member's silence
   * says anything about the member.
   */
  readonly secretTrouble: string | null;
  /** Of the last attempt; none: it succeeded, or there was none. */
  readonly lastFailures: readonly ObservedFailure[];
}
