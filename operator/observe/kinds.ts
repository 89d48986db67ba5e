/**
 * The kinds that a cluster consists of, each with the fields that are read of it. Everything is optional: what the API server returns
 * is not checked again here, so whoever reads a field says what it means when it is missing.
 */
import { API_GROUP_VERSION, KIND, PLURAL } from '../api/graveyar-cluster.ts';
import { namespacedKind } from '../kubernetes/kind.ts';
import type { Kind } from '../kubernetes/kind.ts';
import type { KubernetesObject, ObjectMeta } from '../kubernetes/object.ts';

interface StorageRequest {
  readonly resources?: { readonly requests?: { readonly storage?: string } };
}

/** A StatefulSet. */
export interface StatefulSet extends KubernetesObject {
  readonly spec?: {
    readonly volumeClaimTemplates?: readonly { readonly spec?: StorageRequest }[];
    readonly persistentVolumeClaimRetentionPolicy?: { readonly whenDeleted?: string };
  };
}

interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
}

interface Ended {
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
}

/** How a container is. */
export interface ContainerStatus {
  readonly name?: string;
  readonly restartCount?: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: unknown;
    readonly terminated?: Ended;
  };
  readonly lastState?: { readonly terminated?: Ended };
}

/** A pod. */
export interface Pod extends KubernetesObject {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly podIP?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** A volume claim. */
export interface Claim extends KubernetesObject {
  readonly spec?: StorageRequest;
  readonly status?: {
    readonly phase?: string;
    readonly capacity?: { readonly storage?: string };
    readonly conditions?: readonly Condition[];
    /** How far growing is: such as ControllerResizeInProgress, or NodeResizeInfeasible. */
    readonly allocatedResourceStatuses?: { readonly storage?: string };
  };
}

/** A Secret; the values are base64. */
export interface Secret extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const clusterKind = namespacedKind(API_GROUP_VERSION, KIND, PLURAL);
export const statefulSetKind = namespacedKind<StatefulSet>('apps/v1', 'StatefulSet', 'statefulsets');
export const podKind = namespacedKind<Pod>('v1', 'Pod', 'pods');
export const claimKind = namespacedKind<Claim>('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims');
export const secretKind = namespacedKind<Secret>('v1', 'Secret', 'secrets');

/** Of the objects that a cluster has once. */
export const sharedKinds: readonly Kind[] = [
  namespacedKind('v1', 'ServiceAccount', 'serviceaccounts'),
  namespacedKind('v1', 'Service', 'services'),
  namespacedKind('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  namespacedKind('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings'),
  namespacedKind('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
];

/** The uid of the object's controller; null: it has none. */
export function controllerUid({ metadata }: { readonly metadata?: ObjectMeta }): string | null {
  return metadata?.ownerReferences?.find(({ controller }) => controller === true)?.uid ?? null;
}
