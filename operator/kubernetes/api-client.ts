/**
 * The API of Kubernetes over a connection: paths, parameters and content types. Knows no kind by name.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import type { ApiConnection, ApiRequest } from './api-connection.ts';
import { ApiError, errorFromStatus } from './api-error.ts';
import type { ApiStatus } from './api-error.ts';
import { pathOf } from './kind.ts';
import type { Kind } from './kind.ts';
import type {
  CallLimits,
  DeleteOptions,
  KubernetesApi,
  ListPage,
  PatchOptions,
  Scope,
  Subresource,
  WatchEvent,
  WatchOptions,
} from './kubernetes-api.ts';
import { refOf } from './object.ts';
import type { KubernetesObject, ObjectRef } from './object.ts';

/** What a list looks like; its items lack their own kind. */
interface List<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

export interface ApiClientOptions {
  /** Who applies, for server-side apply. */
  readonly fieldManager: string;
  /** Of calls that say nothing else. */
  readonly deadlineMillis: number;
}

const patchTypes = { merge: 'application/merge-patch+json', json: 'application/json-patch+json' } as const;

/** The real API server. */
export class ApiClient implements KubernetesApi {
  readonly #connection: ApiConnection;
  readonly #options: ApiClientOptions;

  constructor(connection: ApiConnection, options: ApiClientOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async list<T extends KubernetesObject>(
    kind: Kind<T>,
    scope: Scope,
    page: { readonly limit: number; readonly continueToken: string | null },
    limits: CallLimits,
  ): Promise<ListPage<T>> {
    const query = {
      ...selectorOf(scope),
      limit: String(page.limit),
      ...(page.continueToken === null ? {} : { continue: page.continueToken }),
    };
    const answer = await this.#call({ method: 'GET', path: pathOf(kind, scope.namespace), query }, limits);
    const { metadata = {}, items } = answer as List<T>;
    if (metadata.resourceVersion === undefined) throw malformed(kind, 'a list has no resourceVersion');
    const { apiVersion, kind: name } = kind;
    return {
      items: (items ?? []).map((item) => ({ ...item, apiVersion, kind: name })),
      resourceVersion: metadata.resourceVersion,
      continueToken: (metadata.continue ?? '') === '' ? null : (metadata.continue ?? null),
    };
  }

  async *watch<T extends KubernetesObject>(
    kind: Kind<T>,
    scope: Scope,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const query = {
      ...selectorOf(scope),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
    };
    const request: ApiRequest = { method: 'GET', path: pathOf(kind, scope.namespace), query };
    for await (const value of this.#connection.stream(request, options)) {
      const { type, object } = value as { readonly type?: string; readonly object?: T };
      if (type === 'ERROR') throw errorFromStatus(`watching ${kind.plural}`, object as ApiStatus);
      if (object === undefined || !isEventType(type)) throw malformed(kind, `an event of type ${String(type)}`);
      yield { type, object };
    }
  }

  async get<T extends KubernetesObject>(kind: Kind<T>, ref: ObjectRef, limits: CallLimits): Promise<T> {
    return (await this.#call({ method: 'GET', path: objectPath(kind, ref) }, limits)) as T;
  }

  async create<T extends KubernetesObject>(kind: Kind<T>, object: T, limits: CallLimits): Promise<T> {
    const path = pathOf(kind, refOf(object).namespace);
    const query = { fieldManager: this.#options.fieldManager };
    return (await this.#call({ method: 'POST', path, query, body: typed(kind, object) }, limits)) as T;
  }

  async apply<T extends KubernetesObject>(kind: Kind<T>, object: T, limits: CallLimits): Promise<T> {
    const request: ApiRequest = {
      method: 'PATCH',
      path: objectPath(kind, refOf(object)),
      query: { fieldManager: this.#options.fieldManager, force: 'true' },
      body: typed(kind, object),
      // Of YAML, which JSON is a part of.
      contentType: 'application/apply-patch+yaml',
    };
    return (await this.#call(request, limits)) as T;
  }

  async patch<T extends KubernetesObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    patch: unknown,
    { type, subresource, ...limits }: PatchOptions,
  ): Promise<T> {
    const request: ApiRequest = {
      method: 'PATCH',
      path: objectPath(kind, ref, subresource),
      query: { fieldManager: this.#options.fieldManager },
      body: patch,
      contentType: patchTypes[type],
    };
    return (await this.#call(request, limits)) as T;
  }

  async replace<T extends KubernetesObject>(
    kind: Kind<T>,
    object: T,
    { subresource, ...limits }: CallLimits & { readonly subresource?: Subresource },
  ): Promise<T> {
    const path = objectPath(kind, refOf(object), subresource);
    const query = { fieldManager: this.#options.fieldManager };
    return (await this.#call({ method: 'PUT', path, query, body: typed(kind, object) }, limits)) as T;
  }

  async delete(
    kind: Kind,
    ref: ObjectRef,
    { uid, resourceVersion, propagation, ...limits }: DeleteOptions,
  ): Promise<void> {
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
      propagationPolicy: propagation,
    };
    await this.#call({ method: 'DELETE', path: objectPath(kind, ref), body }, limits);
  }

  #call(request: ApiRequest, { signal, deadlineMillis = this.#options.deadlineMillis }: CallLimits): Promise<unknown> {
    return this.#connection.request(request, { signal, deadlineMillis });
  }
}

function objectPath(kind: Kind, { namespace, name }: ObjectRef, subresource?: Subresource): string {
  return pathOf(kind, namespace, name, ...(subresource === undefined ? [] : [subresource]));
}

function selectorOf({ labelSelector, fieldSelector }: Scope): Record<string, string> {
  return {
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

function typed<T extends KubernetesObject>({ apiVersion, kind }: Kind<T>, object: T): T {
  return { ...object, apiVersion, kind };
}

function isEventType(type: string | undefined): type is WatchEvent<unknown>['type'] {
  return type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK';
}

function malformed(kind: Kind, what: string): ApiError {
  return new ApiError('UNAVAILABLE', `${kind.plural}: the API server answered with something else: ${what}`);
}
