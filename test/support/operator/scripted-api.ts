/**
 * An API server in memory, for tests that have to say exactly what it does and when: Leases with versions, and lists and watches by script.
 * The real one is tested in `*.api-server.test.ts`.
 */
import { ApiError } from '../../../operator/kubernetes/api-error.ts';
import type { Kind } from '../../../operator/kubernetes/kind.ts';
import type {
  KubernetesApi,
  ListPage,
  Scope,
  WatchEvent,
  WatchOptions,
} from '../../../operator/kubernetes/kubernetes-api.ts';
import { keyOf, refOf } from '../../../operator/kubernetes/object.ts';
import type { KubernetesObject, ObjectRef } from '../../../operator/kubernetes/object.ts';

/** What a watch does, in order. */
export type WatchStep =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: KubernetesObject }
  /** Nothing more comes until it is aborted. */
  | 'silence'
  | ApiError;

/** What is asked of it is written down; what is not scripted fails. */
export class ScriptedApi implements KubernetesApi {
  readonly calls: string[] = [];
  /** Answers of lists, in order; the last one stays. */
  lists: (ListPage<KubernetesObject> | ApiError)[] = [];
  /** What watches do, in order; then they are silent. */
  watches: (readonly WatchStep[])[] = [];
  /** Thrown by every other call while it is set. */
  failure: ApiError | null = null;
  /** Does the work and then fails, once: the answer was lost. */
  loseAnswer = false;
  readonly objects = new Map<string, KubernetesObject>();
  #version = 0;

  list<T extends KubernetesObject>(
    _kind: Kind<T>,
    _scope: Scope,
    page: { readonly limit: number; readonly continueToken: string | null },
  ): Promise<ListPage<T>> {
    this.calls.push(page.continueToken === null ? 'list' : `list ${page.continueToken}`);
    const [answer] = this.lists;
    if (this.lists.length > 1) this.lists.shift();
    if (answer === undefined) return Promise.reject(new Error('no list is scripted'));
    return answer instanceof ApiError ? Promise.reject(answer) : Promise.resolve(answer as ListPage<T>);
  }

  async *watch<T extends KubernetesObject>(
    _kind: Kind<T>,
    _scope: Scope,
    { signal, resourceVersion }: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    this.calls.push(`watch ${resourceVersion}`);
    for (const step of this.watches.shift() ?? ['silence' as const]) {
      if (step instanceof ApiError) throw step;
      if (step === 'silence') {
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        });
      } else yield step as WatchEvent<T>;
    }
  }

  get<T extends KubernetesObject>(_kind: Kind<T>, ref: ObjectRef): Promise<T> {
    return this.#call('get', () => {
      const found = this.objects.get(keyOf(ref));
      if (found === undefined) throw new ApiError('NOT_FOUND', `no ${keyOf(ref)}`);
      return found as T;
    });
  }

  create<T extends KubernetesObject>(_kind: Kind<T>, object: T): Promise<T> {
    return this.#call('create', () => {
      if (this.objects.has(keyOf(refOf(object)))) throw new ApiError('ALREADY_EXISTS', 'there is one');
      return this.#store(object);
    });
  }

  replace<T extends KubernetesObject>(_kind: Kind<T>, object: T): Promise<T> {
    return this.#call('replace', () => {
      const before = this.objects.get(keyOf(refOf(object)));
      if (before === undefined) throw new ApiError('NOT_FOUND', 'there is none');
      if (before.metadata?.resourceVersion !== object.metadata?.resourceVersion) {
        throw new ApiError('CONFLICT', 'it was changed');
      }
      return this.#store(object);
    });
  }

  apply<T extends KubernetesObject>(_kind: Kind<T>, object: T): Promise<T> {
    return this.#call('apply', () => this.#store(object));
  }

  patch<T extends KubernetesObject>(_kind: Kind<T>, ref: ObjectRef, patch: unknown): Promise<T> {
    return this.#call(`patch ${JSON.stringify(patch)}`, () => {
      const before = this.objects.get(keyOf(ref));
      if (before === undefined) throw new ApiError('NOT_FOUND', 'there is none');
      return this.#store({ ...before, ...(patch as object) } as T);
    });
  }

  delete(_kind: Kind, ref: ObjectRef): Promise<void> {
    return this.#call('delete', () => {
      this.objects.delete(keyOf(ref));
    });
  }

  #store<T extends KubernetesObject>(object: T): T {
    const resourceVersion = String(++this.#version);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion } };
    this.objects.set(keyOf(refOf(stored)), stored);
    return stored;
  }

  async #call<T>(what: string, work: () => T): Promise<T> {
    this.calls.push(what);
    await Promise.resolve();
    if (this.failure !== null) throw this.failure;
    const answer = work();
    if (!this.loseAnswer) return answer;
    this.loseAnswer = false;
    throw new ApiError('UNAVAILABLE', 'the answer was lost');
  }
}

/** Lets everything run that is ready to. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** An object, as a list or a watch tells it. */
export function objectOf(name: string, version: number, cluster?: string): KubernetesObject {
  const labels = cluster === undefined ? {} : { labels: { cluster } };
  return { kind: 'Thing', metadata: { name, namespace: 'ns', resourceVersion: String(version), ...labels } };
}
