/**
 * Keeps a cache of one kind's objects like the API server has them: lists, then watches from there, for ever. The library's informer
 * stops for good after a restart of the API server; this one must not.
 *
 * Invariants: `run` ends only when it is aborted. A watch that breaks goes on from where it was; one that is too old (GONE), or that was not
 * replaced for `relistMillis`, begins with a list again. A watch of which nothing comes is dropped after `inactivityMillis`, as a
 * connection may be dead without anybody saying so. Failures are followed by waits that double, jittered.
 */
import type { Clock } from '../../src/lib/clock.ts';
import { delay } from '../../src/lib/clock.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { ApiError, isApiError } from './api-error.ts';
import { backoffMillis } from './backoff.ts';
import type { BackoffRange } from './backoff.ts';
import type { Kind } from './kind.ts';
import type { KubernetesApi, ListPage, Scope } from './kubernetes-api.ts';
import type { KubernetesObject } from './object.ts';
import type { ObjectCache } from './object-cache.ts';

/** What is told of it. */
export interface ListWatchObserver {
  listed(plural: string, objects: number): void;
  /** Why a list or a watch ended other than by time. */
  failed(plural: string, code: string): void;
}

export interface ListWatchOptions<T extends KubernetesObject> {
  readonly api: KubernetesApi;
  readonly kind: Kind<T>;
  readonly scope: Scope;
  readonly cache: ObjectCache<T>;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly observer?: ListWatchObserver;
  /** Default 10 minutes, jittered. */
  readonly relistMillis?: number;
  /** Default 100 s: bookmarks come every minute. */
  readonly inactivityMillis?: number;
  /** Default 0.5 to 30 s. */
  readonly backoff?: BackoffRange;
}

const PAGE = 250;
/** A watch that lasted this long has worked, whatever ended it. */
const WORKED_MILLIS = 5_000;
/** Lists that go from page to page for ever would hold everybody up. */
const MOST_PAGES = 10_000;

/** One kind's list and watch. */
export class ListWatch<T extends KubernetesObject> {
  readonly #options: ListWatchOptions<T>;
  readonly #relistMillis: number;
  readonly #inactivityMillis: number;
  readonly #backoff: BackoffRange;
  readonly #synced = Promise.withResolvers<undefined>();
  #isSynced = false;
  #failures = 0;
  #trouble: string | null = null;

  constructor(options: ListWatchOptions<T>) {
    this.#options = options;
    this.#relistMillis = options.relistMillis ?? 10 * 60_000;
    this.#inactivityMillis = options.inactivityMillis ?? 100_000;
    this.#backoff = options.backoff ?? { first: 500, longest: 30_000 };
  }

  /** Whether the cache has been filled once. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Resolves when the cache has been filled once. Never rejects. */
  get synced(): Promise<undefined> {
    return this.#synced.promise;
  }

  /** Why it does not work right now; null: it does. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Lists and watches until the signal is aborted, then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    let from: { version: string; relistAt: number } | null = null;
    const isOver = (): boolean => signal.aborted;
    while (!isOver()) {
      const started = this.#now();
      try {
        if (from === null || started >= from.relistAt) {
          const version = await this.#list(signal);
          from = { version, relistAt: this.#now() + this.#relistMillis * (0.9 + 0.2 * this.#options.random()) };
        }
        await this.#watch(from, signal);
        this.#worked();
      } catch (error) {
        if (isOver()) return;
        if (isApiError(error, 'GONE')) from = null;
        if (this.#now() - started >= WORKED_MILLIS) this.#worked();
        await this.#recover(error, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { api, kind, scope, cache } = this.#options;
    const objects: T[] = [];
    let continueToken: string | null = null;
    for (let pages = 0; pages < MOST_PAGES; pages++) {
      const page: ListPage<T> = await api.list(kind, scope, { limit: PAGE, continueToken }, { signal });
      objects.push(...page.items);
      ({ continueToken } = page);
      if (continueToken !== null) continue;
      cache.replace(objects);
      this.#isSynced = true;
      this.#synced.resolve(undefined);
      this.#options.observer?.listed(kind.plural, objects.length);
      return page.resourceVersion;
    }
    throw new ApiError('UNAVAILABLE', `${kind.plural}: a list of more than ${MOST_PAGES} pages`);
  }

  /** Watches until the server ends it or a list is due. `from` is kept up to date. */
  async #watch(from: { version: string; readonly relistAt: number }, signal: AbortSignal): Promise<void> {
    const { api, kind, scope, cache } = this.#options;
    while (this.#now() < from.relistAt) {
      const started = this.#now();
      const seconds = Math.ceil(Math.min(from.relistAt - started, 300_000 * (1 + this.#options.random())) / 1000);
      const watch = api.watch(kind, scope, {
        signal,
        resourceVersion: from.version,
        timeoutSeconds: Math.max(seconds, 1),
        inactivityMillis: this.#inactivityMillis,
      });
      let events = 0;
      for await (const { type, object } of watch) {
        events++;
        if (type === 'DELETED') cache.remove(object);
        else if (type !== 'BOOKMARK') cache.put(object);
        from.version = object.metadata?.resourceVersion ?? from.version;
        this.#trouble = null;
        // A server that never ends it is not to put the list off.
        if (this.#now() >= from.relistAt) return;
      }
      if (events === 0 && this.#now() - started < WORKED_MILLIS && this.#now() < from.relistAt) {
        throw new ApiError('UNAVAILABLE', `watching ${kind.plural}: the server ended the watch at once`);
      }
      this.#worked();
    }
  }

  #worked(): void {
    this.#failures = 0;
    this.#trouble = null;
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { kind, logger, observer, clock, random } = this.#options;
    this.#failures++;
    const code = error instanceof ApiError ? error.code : 'BROKEN';
    observer?.failed(kind.plural, code);
    // A watch that is too old, or an API server that restarts, is everyday life.
    const level = this.#failures >= 3 && code !== 'GONE' ? 'warn' : 'debug';
    logger[level](`cannot watch ${kind.plural}`, { failures: this.#failures, error });
    if (code !== 'GONE') this.#trouble = error instanceof Error ? error.message : String(error);
    const asked = error instanceof ApiError ? (error.retryAfterMillis ?? 0) : 0;
    const wait = Math.max(Math.min(asked, 60_000), backoffMillis(this.#backoff, this.#failures, random()));
    await delay(clock, wait, signal).catch(() => undefined);
  }

  #now(): number {
    return this.#options.clock.monotonicMillis();
  }
}
