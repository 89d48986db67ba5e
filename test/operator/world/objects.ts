// The objects of a simulated cluster: those of Kubernetes, and what lies on volumes. Plain state; `controllers.ts` and `store.ts` move it.
import type { ClusterStatus } from '../../../operator/api/cluster-status.ts';
import type { PodState, Retention } from '../../../operator/plan/observed.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import type { Store } from './store.ts';

export interface WorldResource {
  readonly name: string;
  generation: number;
  resourceVersion: number;
  paused: boolean;
  replicas: number;
  templateHash: string;
  storageBytes: number;
  whenDeleted: Retention;
  status: ClusterStatus;
}

export interface WorldStatefulSet {
  readonly member: string;
  readonly uid: string;
  templateHash: string;
  storageBytes: number;
  whenDeleted: Retention;
  memberId: number | null;
}

/** What a running member believes. */
export interface Process {
  term: number;
  leaderId: number | null;
  configurationIndex: number;
}

export interface WorldPod {
  readonly member: string;
  readonly uid: string;
  /** Ticks until it is gone; null: it is not being deleted. */
  leavingIn: number | null;
  state: PodState;
  readonly templateHash: string;
  leaderLabel: boolean;
  memberId: number | null;
  /** Null: nothing runs. */
  process: Process | null;
  /** Its node is gone, for so many ticks. */
  frozenFor: number;
}

/** What is on a volume. `id` 0: no process has started on it. */
export interface Volume {
  id: number;
  clusterId: string | null;
  /** How much of the cluster's log is on it. */
  match: number;
  removed: boolean;
}

export interface WorldClaim {
  readonly member: string;
  readonly uid: string;
  deleting: boolean;
  lost: boolean;
  readonly kept: boolean;
  requestedBytes: number;
  capacityBytes: number;
  resizeNeedsRestart: boolean;
  goesWithStatefulSet: boolean;
  volume: Volume;
}

/** The part that the API server has, of which old states can be seen. */
export interface ApiObjects {
  resource: WorldResource;
  statefulSets: Map<string, WorldStatefulSet>;
  pods: Map<string, WorldPod>;
  claims: Map<string, WorldClaim>;
}

export class World {
  readonly random: SeededRandom;
  readonly api: ApiObjects;
  /** By cluster id. */
  readonly stores = new Map<string, Store>();
  /** Members without a connection to others, by name. */
  readonly cutOff = new Set<string>();
  /** Members that the operator cannot reach, by name. */
  readonly mute = new Set<string>();
  /** Members whose log stands still, by name. */
  readonly lagging = new Set<string>();
  /** Templates that do not run. */
  readonly brokenTemplates = new Set<string>();
  /** What should never have happened. */
  readonly violations: string[] = [];
  /** What happened, for reading a failure. */
  readonly history: string[] = [];
  foundings = 0;
  #serial = 0;

  constructor(seed: number, replicas: number) {
    this.random = new SeededRandom(seed);
    this.api = {
      resource: {
        name: 'foo',
        generation: 1,
        resourceVersion: 1,
        paused: false,
        replicas,
        templateHash: 't1',
        storageBytes: 1000,
        whenDeleted: 'Retain',
        status: {},
      },
      statefulSets: new Map(),
      pods: new Map(),
      claims: new Map(),
    };
  }

  /** A number never given before, from 1 on. */
  serial(): number {
    this.#serial += 1;
    return this.#serial;
  }

  uid(): string {
    return `uid-${this.serial()}`;
  }

  violate(what: string): void {
    this.violations.push(what);
    this.history.push(`VIOLATION ${what}`);
  }

  /** The volume under a pod; null when there is none, or it is lost. */
  volumeOf(member: string): Volume | null {
    const claim = this.api.claims.get(member);
    return claim === undefined || claim.lost ? null : claim.volume;
  }

  /** The member that runs with this id on its volume. */
  runningMember(id: number): WorldPod | null {
    for (const pod of this.api.pods.values()) {
      if (pod.process !== null && this.volumeOf(pod.member)?.id === id) return pod;
    }
    return null;
  }

  /** It runs with this id, and reaches the others. */
  isUp(id: number): boolean {
    const pod = this.runningMember(id);
    return pod !== null && !this.cutOff.has(pod.member);
  }

  /** The store of the custom resource, or of the volumes that were kept. */
  store(): Store | null {
    const id = this.api.resource.status.clusterId;
    return (id === undefined ? [...this.stores.values()][0] : this.stores.get(id)) ?? null;
  }

  newClaim(member: string, kept = false): WorldClaim {
    const { storageBytes } = this.api.statefulSets.get(member) ?? this.api.resource;
    const claim: WorldClaim = {
      member,
      uid: this.uid(),
      deleting: false,
      lost: false,
      kept,
      requestedBytes: storageBytes,
      capacityBytes: storageBytes,
      resizeNeedsRestart: false,
      goesWithStatefulSet: false,
      volume: { id: 0, clusterId: null, match: 0, removed: false },
    };
    this.api.claims.set(member, claim);
    return claim;
  }
}
