// The route table against asking every consumer's filter about every event.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { compileFilter, matchesFilter } from '../../src/domain/compiled-filter.ts';
import type { CompiledFilter } from '../../src/domain/compiled-filter.ts';
import type { EventFacts } from '../../src/domain/event.ts';
import type { Filter } from '../../src/domain/filter.ts';
import type { LiveConsumer, LiveEvents, LiveRoute } from '../../src/pipeline/subscribe/live-consumer.ts';
import { RouteTable } from '../../src/pipeline/subscribe/route-table.ts';
import { encodeGroup } from '../../src/storage/group.ts';
import type { StoredAppend } from '../../src/storage/stored-append.ts';
import { proposed } from '../support/events.ts';
import { nth } from '../support/nth.ts';

class Recorder implements LiveConsumer {
  readonly positions: number[] = [];
  readonly events: LiveEvents[] = [];
  readonly oldestAge = null;
  readonly queuedAppends = 0;
  readonly queuedBytes = 0;
  onOffer: (() => void) | null = null;

  offer(events: LiveEvents): void {
    this.events.push(events);
    for (let pair = 0; pair < events.runs.length; pair += 2) {
      for (let n = nth(events.runs, pair); n < nth(events.runs, pair + 1); n++) {
        this.positions.push(events.append.firstPosition + n);
      }
    }
    this.onOffer?.();
  }
  fallBehind(): void {
    throw new Error('not by the table');
  }
  turn(): void {
    throw new Error('not by the table');
  }
}

let nextPosition = 0;
function stored(streamId: string, events: readonly { type: string; tags: readonly string[] }[]): StoredAppend {
  const firstPosition = nextPosition;
  nextPosition += events.length;
  const full = events.map((event, n) => proposed(firstPosition + n, event));
  const decided = { streamId, streamNumber: 0, firstRevision: 0, firstPosition, createdAt: 1, events: full };
  return nth(encodeGroup([decided]).appends, 0);
}

const streamIds = fc.constantFrom('a', 'ab', 'abc', 'b-1', 'b-2', 'é', '😀');
const types = fc.constantFrom('A', 'AB', 'B', 'C');
const tags = fc.constantFrom('x', 'y', 'z', 'w');
const item = fc
  .record({ types: fc.uniqueArray(types, { maxLength: 2 }), tags: fc.uniqueArray(tags, { maxLength: 3 }) })
  .filter((one) => one.types.length + one.tags.length > 0);
const filter: fc.Arbitrary<Filter> = fc.oneof(
  fc.constantFrom('', 'a', 'ab', 'abc', 'b-', 'é', 'q').map((prefix) => ({ kind: 'stream-prefix' as const, prefix })),
  fc.constantFrom('A', 'AB', 'B', 'Q').map((prefix) => ({ kind: 'type-prefix' as const, prefix })),
  fc.constantFrom('^a', 'b', '-\\d$').map((pattern) => ({ kind: 'stream-regex' as const, pattern })),
  fc.constantFrom('^A', 'B$', 'q').map((pattern) => ({ kind: 'type-regex' as const, pattern })),
  fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => ({ kind: 'query' as const, query: { items } })),
);
const route: fc.Arbitrary<LiveRoute> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<LiveRoute>({ kind: 'all', filter: null }) },
  { weight: 2, arbitrary: streamIds.map((streamId): LiveRoute => ({ kind: 'stream', streamId })) },
  { weight: 6, arbitrary: filter.map((one): LiveRoute => ({ kind: 'all', filter: compileFilter(one) })) },
);
const event = fc.record({ type: types, tags: fc.uniqueArray(tags, { maxLength: 3 }) });
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('attach' as const), route }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('detach' as const), which: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      streamId: streamIds,
      events: fc.array(event, { minLength: 1, maxLength: 5 }),
    }),
  },
);

function wants(wanted: LiveRoute, append: StoredAppend, ordinal: number): boolean {
  if (wanted.kind === 'stream') return wanted.streamId === append.streamId;
  return wanted.filter === null || matchesFilter(wanted.filter, append.facts(ordinal));
}

describe('RouteTable', () => {
  it('offers each consumer what its route wants, no more and no less, while they come and go', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new RouteTable();
        const attached: { wanted: LiveRoute; recorder: Recorder; expected: number[]; detach: () => void }[] = [];
        const gone: typeof attached = [];
        for (const one of steps) {
          if (one.do === 'attach') {
            const recorder = new Recorder();
            attached.push({ wanted: one.route, recorder, expected: [], detach: table.attach(one.route, recorder) });
          } else if (one.do === 'detach') {
            const [out] = attached.splice(one.which % Math.max(1, attached.length), 1);
            out?.detach();
            out?.detach();
            if (out !== undefined) gone.push(out);
          } else {
            const append = stored(one.streamId, one.events);
            for (const { wanted, expected } of attached) {
              for (let n = 0; n < append.count; n++)
                if (wants(wanted, append, n)) expected.push(append.firstPosition + n);
            }
            table.route(append, 0);
          }
          expect(table.consumers).toBe(attached.length);
        }
        for (const { recorder, expected } of [...attached, ...gone]) expect(recorder.positions).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('evaluates a distinct filter once per event, however many consumers share it, and shares what it offers', () => {
    let asked = 0;
    const query = {
      items: [
        { types: ['A'], tags: ['x', 'y'] },
        { types: [], tags: ['y'] },
      ],
    };
    const compiled = compileFilter({ kind: 'query', query });
    if (compiled.scope !== 'query') throw new Error('a query');
    const counted: CompiledFilter = {
      ...compiled,
      test: (facts: EventFacts) => {
        asked += 1;
        return compiled.test(facts);
      },
    };
    const table = new RouteTable();
    const recorders = Array.from({ length: 50 }, () => new Recorder());
    for (const recorder of recorders) table.attach({ kind: 'all', filter: counted }, recorder);
    table.route(stored('s', [{ type: 'A', tags: ['x', 'y'] }]), 0);
    expect(asked).toBe(1);
    expect(new Set(recorders.map((recorder) => recorder.events[0])).size).toBe(1);
    table.route(stored('s', [{ type: 'A', tags: ['w'] }]), 0);
    expect(asked).toBe(1);
  });

  it('does not look into events when nobody asks for what is in them', () => {
    const table = new RouteTable();
    table.attach({ kind: 'stream', streamId: 'other' }, new Recorder());
    table.attach({ kind: 'all', filter: compileFilter({ kind: 'stream-prefix', prefix: 'q' }) }, new Recorder());
    let looked = 0;
    const append = stored('s', [{ type: 'A', tags: [] }]);
    const spy = new Proxy(append, {
      get(target, name) {
        if (name === 'facts') looked += 1;
        return Reflect.get(target, name, target) as unknown;
      },
    });
    table.route(spy, 0);
    expect(looked).toBe(0);
  });

  it('lets a consumer detach itself and others while an append is offered', () => {
    const table = new RouteTable();
    const one = new Recorder();
    const other = new Recorder();
    const detachOne = table.attach({ kind: 'all', filter: null }, one);
    const detachOther = table.attach({ kind: 'stream', streamId: 's' }, other);
    one.onOffer = () => {
      detachOne();
      detachOther();
    };
    table.route(stored('s', [{ type: 'A', tags: [] }]), 0);
    table.route(stored('s', [{ type: 'A', tags: [] }]), 0);
    expect([one.positions.length, table.consumers]).toEqual([1, 0]);
  });
});
