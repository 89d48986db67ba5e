/**
 * What became of some pods, change by change, each with the time at which it was seen here: by a watch, so that nothing happens between
 * two looks. Knows of the leader's label and of readiness, and of nothing that pods do.
 */
import type { KubernetesApi, KubernetesObject } from './kubernetes-api.ts';

/** The parts of a pod that are looked at. */
export type Pod = KubernetesObject & {
  readonly spec: { readonly containers: readonly { readonly image: string }[] };
  readonly status?: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
};

/** The pods as they were from one change to the next, by name. */
export interface PodsAt {
  /** Milliseconds of the wall clock, which logs of members have as well. */
  readonly at: number;
  readonly pods: ReadonlyMap<string, Pod>;
}

/** Watches until it is stopped. */
export class PodHistory {
  readonly #states: PodsAt[] = [];
  readonly #stop = new AbortController();
  #failure: Error | null = null;

  /** Begins with the pods of this collection that are there. */
  constructor(api: KubernetesApi, path: string) {
    void this.#watch(api, path).catch((error: unknown) => (this.#failure = error as Error));
  }

  /** All so far. Throws when the watch has ended by itself: then something may be missing. */
  get states(): readonly PodsAt[] {
    if (this.#failure !== null) throw this.#failure;
    return this.#states;
  }

  /**
   * When it began that this pod, and no other, is labelled as the leader's: the last time that it did, as long as it is so now. Null when
   * it is not.
   */
  aloneLabelledSince(name: string): number | null {
    let since: number | null = null;
    for (const { at, pods } of this.states) {
      const alone = labelled(pods).join() === name;
      since = alone ? (since ?? at) : null;
    }
    return since;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #watch(api: KubernetesApi, path: string): Promise<void> {
    const pods = new Map<string, Pod>();
    for await (const { type, object } of api.watch(path, this.#stop.signal)) {
      if (type === 'DELETED') pods.delete(object.metadata.name);
      else pods.set(object.metadata.name, object as Pod);
      this.#states.push({ at: Date.now(), pods: new Map(pods) });
    }
  }
}

/** Names of the pods that are labelled as the leader's. */
export function labelled(pods: ReadonlyMap<string, Pod>): string[] {
  return [...pods.values()]
    .filter(({ metadata }) => metadata.labels?.['graveyar.dev/role'] === 'leader')
    .map(({ metadata }) => metadata.name)
    .sort();
}

/** Ready, and not going. */
export function isReady({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
}
