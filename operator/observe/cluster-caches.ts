/**
 * Caches of everything that belongs to clusters, in one namespace, in some, or in all, each kept by a list-watch of its own. Only objects
 * with a cluster's labels are asked for and held.
 */
import { LABEL } from '../resources/names.ts';
import { ListWatch } from '../kubernetes/list-watch.ts';
import type { ListWatchObserver, ListWatchOptions } from '../kubernetes/list-watch.ts';
import type { Kind } from '../kubernetes/kind.ts';
import { ObjectCache } from '../kubernetes/object-cache.ts';
import { keyOf, refOf } from '../kubernetes/object.ts';
import type { KubernetesObject, ObjectRef } from '../kubernetes/object.ts';
import { ANY_CLUSTER } from './cluster-objects.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { claimKind, clusterKind, podKind, sharedKinds, statefulSetKind } from './kinds.ts';

export interface ClusterCachesOptions extends Omit<
  ListWatchOptions<KubernetesObject>,
  'kind' | 'scope' | 'cache' | 'observer'
> {
  /** Null: all. */
  readonly namespaces: readonly string[] | null;
  readonly observer?: ListWatchObserver;
  /** Told of the key (`namespace/name`) of a cluster of which something changed, but for its own status. */
  readonly changed: (key: string) => void;
}

/** One kind in all namespaces that are watched. */
class KindCaches<T extends KubernetesObject> {
  /** By namespace; '' for all. */
  readonly caches: ReadonlyMap<string, ObjectCache<T>>;
  readonly listWatches: readonly ListWatch<T>[];

  constructor(kind: Kind<T>, options: ClusterCachesOptions) {
    const isCluster = kind.plural === clusterKind.plural;
    const groupOf = isCluster ? (object: T) => keyOf(refOf(object)) : clusterKeyOf;
    const caches = new Map<string, ObjectCache<T>>();
    this.caches = caches;
    this.listWatches = (options.namespaces ?? [null]).map((namespace) => {
      const cache = new ObjectCache<T>(groupOf);
      cache.listen((after, before) => {
        if (isCluster && after !== null && before !== null && !isChange(after, before)) return;
        const keys = new Set([after, before].map((object) => (object === null ? null : groupOf(object))));
        for (const key of keys) if (key !== null) options.changed(key);
      });
      caches.set(namespace ?? '', cache);
      const scope = isCluster ? { namespace } : { namespace, labelSelector: ANY_CLUSTER };
      return new ListWatch<T>({ ...options, kind, scope, cache });
    });
  }

  ofCluster(ref: ObjectRef): readonly T[] {
    return this.#of(ref.namespace)?.ofGroup(keyOf(ref)) ?? [];
  }

  put(object: T): void {
    this.#of(object.metadata?.namespace ?? null)?.put(object);
  }

  #of(namespace: string | null): ObjectCache<T> | undefined {
    return this.caches.get(namespace ?? '') ?? this.caches.get('');
  }
}

/** All caches. */
export class ClusterCaches {
  readonly #clusters: KindCaches<KubernetesObject>;
  readonly #statefulSets;
  readonly #pods;
  readonly #claims;
  readonly #shared: readonly KindCaches<KubernetesObject>[];
  readonly #listWatches: readonly ListWatch<KubernetesObject>[];

  constructor(options: ClusterCachesOptions) {
    this.#clusters = new KindCaches(clusterKind, options);
    this.#statefulSets = new KindCaches(statefulSetKind, options);
    this.#pods = new KindCaches(podKind, options);
    this.#claims = new KindCaches(claimKind, options);
    this.#shared = sharedKinds.map((kind) => new KindCaches(kind, options));
    this.#listWatches = [this.#clusters, this.#statefulSets, this.#pods, this.#claims, ...this.#shared].flatMap(
      ({ listWatches }) => listWatches as readonly ListWatch<KubernetesObject>[],
    );
  }

  /** Lists and watches until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#listWatches.map((listWatch) => listWatch.run(signal)));
  }

  /** Resolves when every cache has been filled once. */
  async synced(): Promise<void> {
    await Promise.all(this.#listWatches.map((listWatch) => listWatch.synced));
  }

  /** What is not filled yet, and why, in a few words; null: all is. */
  get notSynced(): string | null {
    const waiting = this.#listWatches.filter(({ isSynced }) => !isSynced);
    const [first] = waiting;
    if (first === undefined) return null;
    return `${waiting.length} lists are not there yet${first.trouble === null ? '' : `: ${first.trouble}`}`;
  }

  /** Keys of all clusters. */
  clusterKeys(): readonly string[] {
    return [...this.#clusters.caches.values()].flatMap((cache) => cache.all().map((object) => keyOf(refOf(object))));
  }

  /** The objects of a cluster as they were last seen; null: there is no such cluster. */
  objectsOf(ref: ObjectRef): ClusterObjects | null {
    const [cluster] = this.#clusters.ofCluster(ref);
    if (cluster === undefined) return null;
    return {
      cluster,
      statefulSets: this.#statefulSets.ofCluster(ref),
      pods: this.#pods.ofCluster(ref),
      claims: this.#claims.ofCluster(ref),
      shared: this.#shared.flatMap((kind) => kind.ofCluster(ref)),
    };
  }

  /** Takes in what a call has answered, so that nobody decides on what it was before. */
  put(objects: Partial<ClusterObjects>): void {
    if (objects.cluster !== undefined) this.#clusters.put(objects.cluster);
    for (const object of objects.statefulSets ?? []) this.#statefulSets.put(object);
    for (const object of objects.pods ?? []) this.#pods.put(object);
    for (const object of objects.claims ?? []) this.#claims.put(object);
    for (const object of objects.shared ?? []) {
      this.#shared[sharedKinds.findIndex(({ kind }) => kind === object.kind)]?.put(object);
    }
  }
}

function clusterKeyOf({ metadata }: KubernetesObject): string | null {
  const name = metadata?.labels?.[LABEL.cluster];
  return name === undefined ? null : keyOf({ namespace: metadata?.namespace ?? null, name });
}

/** Whether more changed than the status, which the operator itself writes. */
function isChange(after: KubernetesObject, before: KubernetesObject): boolean {
  const relevant = ({ metadata }: KubernetesObject): string =>
    JSON.stringify([
      metadata?.uid,
      metadata?.generation,
      metadata?.deletionTimestamp,
      Object.entries(metadata?.annotations ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)),
    ]);
  return relevant(after) !== relevant(before);
}
