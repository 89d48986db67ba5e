/**
 * The API server as the operator sees it: objects of any kind, with deadlines and preconditions. A port; the client in
 * `api-client.ts` is the real thing, tests may script another.
 *
 * Every method rejects with {@link ApiError} (api-error.ts) or with the reason of the signal, and ends within its deadline.
 */
import type { Kind } from './kind.ts';
import type { KubernetesObject, ObjectRef } from './object.ts';

/** Which objects. */
export interface Scope {
  /** Null: all namespaces. */
  readonly namespace: string | null;
  /** Only those with these labels. */
  readonly labelSelector?: string;
  /** Only those with these values of the fields that the kind can be selected by. */
  readonly fieldSelector?: string;
}

/** What every call takes. */
export interface CallLimits {
  readonly signal: AbortSignal;
  /** Default: that of the client. */
  readonly deadlineMillis?: number;
}

/** A part of a list. */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** Of the whole list: where a watch goes on. */
  readonly resourceVersion: string;
  /** Gives the next page; null: this was the last. It expires after some minutes (GONE). */
  readonly continueToken: string | null;
}

/** `BOOKMARK` only tells a resourceVersion. */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Changes after this one. */
  readonly resourceVersion: string;
  /** When the server ends it by itself. */
  readonly timeoutSeconds: number;
  /** How long nothing may come, bookmarks included, which come about every minute. */
  readonly inactivityMillis: number;
}

/** A part of an object that has rules of its own. */
export type Subresource = 'status';

export interface PatchOptions extends CallLimits {
  /** `merge` is RFC 7386, `json` RFC 6902. */
  readonly type: 'merge' | 'json';
  readonly subresource?: Subresource;
}

export interface DeleteOptions extends CallLimits {
  /** Only the object with this uid; CONFLICT otherwise. */
  readonly uid: string;
  /** Only in this version. */
  readonly resourceVersion?: string;
  /** What becomes of the objects that it owns. */
  readonly propagation: 'Background' | 'Foreground' | 'Orphan';
}

export interface KubernetesApi {
  /** A page of the newest state. */
  list<T extends KubernetesObject>(
    kind: Kind<T>,
    scope: Scope,
    page: { readonly limit: number; readonly continueToken: string | null },
    limits: CallLimits,
  ): Promise<ListPage<T>>;

  /** Changes as they come. Rejects with GONE when the resourceVersion is too old. */
  watch<T extends KubernetesObject>(
    kind: Kind<T>,
    scope: Scope,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined>;

  get<T extends KubernetesObject>(kind: Kind<T>, ref: ObjectRef, limits: CallLimits): Promise<T>;

  /** Makes it. ALREADY_EXISTS when there is one of that name. */
  create<T extends KubernetesObject>(kind: Kind<T>, object: T, limits: CallLimits): Promise<T>;

  /**
   * Server-side apply under the operator's field manager, taking fields from others by force: makes it, or makes it so. With `metadata.uid` or
   * `metadata.resourceVersion`: only that very object (CONFLICT).
   */
  apply<T extends KubernetesObject>(kind: Kind<T>, object: T, limits: CallLimits): Promise<T>;

  patch<T extends KubernetesObject>(kind: Kind<T>, ref: ObjectRef, patch: unknown, options: PatchOptions): Promise<T>;

  /** Writes it whole, or its status. With `metadata.resourceVersion`: only if nobody has changed it since (CONFLICT). */
  replace<T extends KubernetesObject>(
    kind: Kind<T>,
    object: T,
    options: CallLimits & { readonly subresource?: Subresource },
  ): Promise<T>;

  /** Begins its deletion; it may stay for a while with a `deletionTimestamp`. */
  delete(kind: Kind, ref: ObjectRef, options: DeleteOptions): Promise<void>;
}
