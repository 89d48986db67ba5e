// Lists and watches against an API server that does exactly what the test says: they never stop for good, and the cache is what
// the server has.
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../operator/kubernetes/api-error.ts';
import type { ListPage } from '../../operator/kubernetes/kubernetes-api.ts';
import { namespacedKind } from '../../operator/kubernetes/kind.ts';
import { ListWatch } from '../../operator/kubernetes/list-watch.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { ObjectCache } from '../../operator/kubernetes/object-cache.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { objectOf, ScriptedApi, turn } from '../support/operator/scripted-api.ts';

const KIND = namespacedKind('v1', 'Thing', 'things');

function pageOf(
  version: number,
  items: KubernetesObject[],
  continueToken: string | null = null,
): ListPage<KubernetesObject> {
  return { items, resourceVersion: String(version), continueToken };
}

class Subject {
  readonly api = new ScriptedApi();
  readonly clock = new ManualClock();
  readonly cache = new ObjectCache((object) => object.metadata?.labels?.['cluster'] ?? null);
  readonly stop = new AbortController();
  readonly listWatch = new ListWatch({
    api: this.api,
    kind: KIND,
    scope: { namespace: 'ns' },
    cache: this.cache,
    clock: this.clock,
    random: () => 0.5,
    logger: silentLogger,
    relistMillis: 600_000,
    backoff: { first: 1000, longest: 8000 },
  });
  running: Promise<void> = Promise.resolve();

  async start(): Promise<void> {
    this.running = this.listWatch.run(this.stop.signal);
    await turn();
  }

  async pass(millis: number): Promise<void> {
    this.clock.advance(millis);
    await turn();
  }

  async end(): Promise<void> {
    this.stop.abort(new Error('the test is over'));
    await this.running;
  }

  get names(): string[] {
    return this.cache
      .all()
      .map(({ metadata }) => metadata?.name ?? '')
      .sort();
  }
}

describe('a list-watch', () => {
  it('lists page by page and watches from the list on', async () => {
    const subject = new Subject();
    subject.api.lists = [pageOf(7, [objectOf('a', 1)], 'next'), pageOf(7, [objectOf('b', 2)])];
    const { object } = { object: objectOf('c', 8) };
    subject.api.watches = [[{ type: 'ADDED', object }, { type: 'DELETED', object: objectOf('a', 9) }, 'silence']];
    expect(subject.listWatch.isSynced).toBe(false);
    await subject.start();
    expect(subject.api.calls).toEqual(['list', 'list next', 'watch 7']);
    expect(subject.listWatch.isSynced).toBe(true);
    expect(subject.names).toEqual(['b', 'c']);
    await subject.end();
  });

  it('goes on from the last version it saw, bookmarks included, when a watch breaks', async () => {
    const subject = new Subject();
    subject.api.lists = [pageOf(7, [])];
    subject.api.watches = [
      [
        { type: 'ADDED', object: objectOf('a', 8) },
        { type: 'BOOKMARK', object: objectOf('', 20) },
        new ApiError('UNAVAILABLE', 'broken'),
      ],
    ];
    await subject.start();
    expect(subject.api.calls).toEqual(['list', 'watch 7']);
    await subject.pass(1000);
    expect(subject.api.calls).toEqual(['list', 'watch 7', 'watch 20']);
    expect(subject.names).toEqual(['a']);
    await subject.end();
  });

  it('lists again when its version is too old, and forgets what is gone', async () => {
    const subject = new Subject();
    subject.api.lists = [
      pageOf(7, [objectOf('a', 1), objectOf('b', 2)]),
      pageOf(50, [objectOf('b', 2), objectOf('c', 40)]),
    ];
    subject.api.watches = [[new ApiError('GONE', 'too old resource version')]];
    const gone: (string | undefined)[] = [];
    subject.cache.listen((after, before) => {
      if (after === null) gone.push(before?.metadata?.name);
    });
    await subject.start();
    await subject.pass(1000);
    expect(subject.api.calls).toEqual(['list', 'watch 7', 'list', 'watch 50']);
    expect(subject.names).toEqual(['b', 'c']);
    expect(gone).toEqual(['a']);
    await subject.end();
  });

  it('tries for as long as it takes, with waits that grow to a limit', async () => {
    const subject = new Subject();
    const refused = new ApiError('UNAVAILABLE', 'connection refused');
    subject.api.lists = [...Array.from({ length: 12 }, () => refused), pageOf(7, [objectOf('a', 1)])];
    await subject.start();
    // Three quarters, by the random number, of 1, 2, 4, 8, 8, … seconds.
    const waits: number[] = [];
    for (let tries = subject.api.calls.length; tries < 12; tries = subject.api.calls.length) {
      let waited = 0;
      while (subject.api.calls.length === tries) {
        await subject.pass(250);
        waited += 250;
        expect(waited).toBeLessThan(20_000);
      }
      waits.push(waited);
    }
    expect(waits.slice(0, 5)).toEqual([750, 1500, 3000, 6000, 6000]);
    expect(subject.listWatch.trouble).toContain('connection refused');
    await subject.pass(6000);
    expect(subject.names).toEqual(['a']);
    await subject.end();
  });

  it('lists anew from time to time, though nothing ever failed', async () => {
    const subject = new Subject();
    subject.api.lists = [pageOf(7, [objectOf('a', 1)]), pageOf(9, [objectOf('b', 8)])];
    // A server that ends every watch after a minute, having sent a bookmark.
    const watch = subject.api.watch.bind(subject.api);
    subject.api.watch = async function* (kind, scope, options) {
      yield* watch(kind, scope, options);
    };
    subject.api.watches = Array.from({ length: 100 }, () => [
      { type: 'BOOKMARK' as const, object: objectOf('', 7) },
      new ApiError('UNAVAILABLE', 'ended'),
    ]);
    await subject.start();
    for (let minutes = 0; minutes < 11; minutes++) await subject.pass(60_000);
    expect(subject.api.calls.filter((call) => call === 'list')).toHaveLength(2);
    expect(subject.names).toEqual(['b']);
    await subject.end();
  });

  it('does not storm a server that ends every watch at once', async () => {
    const subject = new Subject();
    subject.api.lists = [pageOf(7, [])];
    subject.api.watches = Array.from({ length: 1000 }, () => []);
    await subject.start();
    await subject.pass(100);
    expect(subject.api.calls).toEqual(['list', 'watch 7']);
    await subject.end();
  });

  it('ends when it is told to, wherever it is', async () => {
    const watching = new Subject();
    watching.api.lists = [pageOf(7, [])];
    await watching.start();
    await watching.end();
    const waiting = new Subject();
    waiting.api.lists = [new ApiError('FORBIDDEN', 'no')];
    await waiting.start();
    await waiting.end();
    expect(waiting.api.calls).toEqual(['list']);
  });
});

describe('a cache', () => {
  const cacheOf = (): ObjectCache<KubernetesObject> =>
    new ObjectCache((object) => object.metadata?.labels?.['cluster'] ?? null);

  it('finds objects by their cluster, also after that changed', () => {
    const cache = cacheOf();
    cache.put(objectOf('a', 1, 'foo'));
    cache.put(objectOf('b', 2, 'foo'));
    cache.put(objectOf('a', 3, 'bar'));
    const names = (group: string): unknown[] => cache.ofGroup(group).map(({ metadata }) => metadata?.name);
    expect([names('foo'), names('bar'), names('none')]).toEqual([['b'], ['a'], []]);
    cache.remove(objectOf('b', 4, 'foo'));
    expect(names('foo')).toEqual([]);
  });

  it('does not go back to an older version, by number and not by text', () => {
    const cache = cacheOf();
    cache.put(objectOf('a', 10));
    cache.put(objectOf('a', 9));
    expect(cache.all()[0]?.metadata?.resourceVersion).toBe('10');
    cache.remove(objectOf('a', 9));
    expect(cache.size).toBe(1);
    cache.put(objectOf('a', 100));
    expect(cache.all()[0]?.metadata?.resourceVersion).toBe('100');
  });

  it('takes a whole list as it is, though it is older', () => {
    const cache = cacheOf();
    cache.put(objectOf('a', 10));
    cache.replace([objectOf('a', 3)]);
    expect(cache.all()[0]?.metadata?.resourceVersion).toBe('3');
  });

  it('keeps nothing about who wrote which field', () => {
    const cache = cacheOf();
    const object = objectOf('a', 1);
    cache.put({ ...object, metadata: { ...object.metadata, managedFields: ['x'.repeat(1000)] } });
    expect(JSON.stringify(cache.all())).not.toContain('xxx');
  });
});
