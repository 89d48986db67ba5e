/**
 * Kinds of objects: how the API server calls them, and with it their paths.
 */
import type { KubernetesObject } from './object.ts';

/** A kind. `T` is what its objects look like; nothing at run time depends on it. */
export interface Kind<T extends KubernetesObject = KubernetesObject> {
  /** `apps/v1`, or `v1` for the core group. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set: it only carries the type. */
  readonly type?: T;
}

/** A kind whose objects are in namespaces. */
export function namespacedKind<T extends KubernetesObject>(apiVersion: string, kind: string, plural: string): Kind<T> {
  return { apiVersion, kind, plural, namespaced: true };
}

/** The path of the kind's objects; `namespace` null: of all namespaces, or of a kind that has none. */
export function pathOf(kind: Kind, namespace: string | null, ...rest: readonly string[]): string {
  const root = kind.apiVersion.includes('/') ? '/apis' : '/api';
  const scope = namespace === null ? [] : ['namespaces', namespace];
  return [`${root}/${kind.apiVersion}`, ...[...scope, kind.plural, ...rest].map(encodeURIComponent)].join('/');
}
