/**
 * Objects of the Kubernetes API as JSON, the way they travel: timestamps are text. Only what every kind has; what a kind has besides
 * is for those who know that kind.
 */

/** Who an object belongs to. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** `metadata`. The API server fills in what is missing here. */
export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  /** Opaque by the API's rules until Kubernetes 1.35, which says that it is a growing whole number. */
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339, whole seconds. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: unknown;
}

/** Any object. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** Where an object is; `namespace` null for a kind that has none. */
export interface ObjectRef {
  readonly namespace: string | null;
  readonly name: string;
}

/** Where it is, as one text: `namespace/name`, or `name`. */
export function keyOf({ namespace, name }: ObjectRef): string {
  return namespace === null ? name : `${namespace}/${name}`;
}

/** Where an object is that the API server has given. */
export function refOf({ metadata }: KubernetesObject): ObjectRef {
  return { namespace: metadata?.namespace ?? null, name: metadata?.name ?? '' };
}
