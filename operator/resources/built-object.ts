/**
 * The shape of what the builders give: whole objects for server-side apply, with nothing in them that the operator does not
 * want to own. Knows no kind.
 */
import { API_GROUP_VERSION, KIND } from '../api/graveyar-cluster.ts';
import type { ClusterIdentity } from '../api/graveyar-cluster.ts';
import { clusterLabels } from './names.ts';

/** Metadata of an object to apply. */
export interface BuiltMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly ownerReferences: OwnerReference[];
}

interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
  readonly blockOwnerDeletion: boolean;
}

/** A type of @kubernetes/client-node as the JSON of the API: no instance of a class, and times as text. */
export type Plain<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Plain<Item>[]
    : T extends object
      ? { [Key in keyof T]: Plain<T[Key]> }
      : T;

/** An object of kind `T` (a type of @kubernetes/client-node) to apply. */
export type Built<T> = Plain<Omit<T, 'apiVersion' | 'kind' | 'metadata' | 'status'>> & {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: BuiltMetadata;
};

/** Any object to apply. */
export type BuiltObject = Built<object>;

/**
 * Metadata of an object of the cluster. The cluster owns it: it is collected as garbage when the cluster is gone. It does not block the
 * cluster's deletion, which would take a permission on finalizers and could hold a namespace up.
 */
export function ownedMetadata(
  cluster: ClusterIdentity,
  name: string,
  { labels = {}, annotations }: { labels?: Record<string, string>; annotations?: Record<string, string> } = {},
): BuiltMetadata {
  return {
    name,
    namespace: cluster.namespace,
    labels: { ...labels, ...clusterLabels(cluster.name) },
    ...(annotations === undefined || Object.keys(annotations).length === 0 ? {} : { annotations }),
    ownerReferences: [
      {
        apiVersion: API_GROUP_VERSION,
        kind: KIND,
        name: cluster.name,
        uid: cluster.uid,
        controller: true,
        blockOwnerDeletion: false,
      },
    ],
  };
}
