/**
 * Who wants which events, kept so that an append costs what it matches and not what is subscribed to: routes are found by
 * stream id, by stream prefix (one lookup per distinct length), by type and by tag, and each distinct filter is evaluated
 * at most once per event, however many consumers share it. What the stream id or the type alone decides is remembered.
 */
import type { CompiledFilter, TextFilter } from '../../domain/compiled-filter.ts';
import { BoundedMemo } from '../../lib/bounded-memo.ts';
import type { StoredAppend } from '../../storage/stored-append.ts';
import { type Runs, extendRuns } from '../read/selection.ts';
import type { LiveConsumer, LiveEvents, LiveRoute } from './live-consumer.ts';
import { PrefixIndex } from './prefix-index.ts';
import { QueryIndex } from './query-index.ts';
import { Route } from './route.ts';

/** Distinct stream ids, and types, whose routes are remembered. */
const MEMO_CAPACITY = 16_384;

export class RouteTable {
  /** Every route that has a consumer, by what it wants. */
  readonly #routes = new Map<string, Route>();
  readonly #streams = new Map<string, Route>();
  readonly #byStream = new TextIndex();
  readonly #byType = new TextIndex();
  readonly #queries = new QueryIndex();
  #everything: Route | null = null;
  #consumers = 0;
  /** Numbers the appends routed, so that a route knows whether it was touched by this one. */
  #turn = 0;

  /** How many consumers are attached. */
  get consumers(): number {
    return this.#consumers;
  }

  /** Attaches a consumer. Returns how to detach it, which may be called while an append is being routed. */
  attach(wanted: LiveRoute, consumer: LiveConsumer): () => void {
    const key = wanted.kind === 'stream' ? `stream ${wanted.streamId}` : `all ${wanted.filter?.key ?? ''}`;
    let route = this.#routes.get(key);
    if (route === undefined) {
      route = new Route(wanted.kind === 'all' ? wanted.filter : null);
      this.#routes.set(key, route);
      this.#index(wanted, route);
    }
    const attached = route;
    attached.consumers.add(consumer);
    this.#consumers += 1;
    return () => {
      if (!attached.consumers.delete(consumer)) return;
      this.#consumers -= 1;
      if (attached.consumers.size > 0) return;
      this.#routes.delete(key);
      this.#unindex(wanted, attached);
    };
  }

  /** Offers the append's events to every consumer that wants some of them. */
  route(append: StoredAppend, age: number): void {
    if (this.#consumers === 0) return;
    this.#turn += 1;
    const whole: Runs = [0, append.count];
    const all: LiveEvents = { append, runs: whole, age };
    if (this.#everything !== null) offer(this.#everything, all);
    const stream = this.#streams.get(append.streamId);
    if (stream !== undefined) offer(stream, all);
    for (const route of this.#byStream.matching(append.streamId)) offer(route, all);
    if (this.#byType.size > 0 || this.#queries.size > 0) this.#routeEvents(append, age);
  }

  /** The routes that look at each event. */
  #routeEvents(append: StoredAppend, age: number): void {
    const touched: Route[] = [];
    for (let ordinal = 0; ordinal < append.count; ordinal++) {
      const facts = append.facts(ordinal);
      for (const route of this.#byType.matching(facts.type)) {
        route.touch(this.#turn, touched);
        extendRuns(route.runs, ordinal);
      }
      this.#queries.matching(facts, (route, filter) => {
        route.touch(this.#turn, touched);
        if (route.lookedAt === ordinal) return;
        route.lookedAt = ordinal;
        if (filter.test(facts)) extendRuns(route.runs, ordinal);
      });
    }
    for (const route of touched) {
      if (route.runs.length > 0) offer(route, { append, runs: route.runs, age });
    }
  }

  #index(wanted: LiveRoute, route: Route): void {
    if (wanted.kind === 'stream') this.#streams.set(wanted.streamId, route);
    else if (wanted.filter === null) this.#everything = route;
    else if (wanted.filter.scope === 'query') this.#queries.add(wanted.filter, route);
    else this.#textIndex(wanted.filter).add(wanted.filter, route);
  }

  #unindex(wanted: LiveRoute, route: Route): void {
    if (wanted.kind === 'stream') this.#streams.delete(wanted.streamId);
    else if (wanted.filter === null) this.#everything = null;
    else if (wanted.filter.scope === 'query') this.#queries.delete(route);
    else this.#textIndex(wanted.filter).delete(wanted.filter, route);
  }

  #textIndex(filter: TextFilter): TextIndex {
    return filter.scope === 'stream' ? this.#byStream : this.#byType;
  }
}

function offer(route: Route, events: LiveEvents): void {
  for (const consumer of route.consumers) consumer.offer(events);
}

/** Routes that one text (a stream id or a type) decides: prefixes and regular expressions. */
class TextIndex {
  readonly #prefixes = new PrefixIndex<Route>();
  readonly #patterns = new Map<Route, TextFilter>();
  readonly #memo = new BoundedMemo<string, readonly Route[]>(MEMO_CAPACITY, (text) => this.#find(text));

  get size(): number {
    return this.#prefixes.size + this.#patterns.size;
  }

  matching(text: string): readonly Route[] {
    return this.size === 0 ? [] : this.#memo.get(text);
  }

  add(filter: TextFilter, route: Route): void {
    const prefix = prefixOf(filter);
    if (prefix === null) this.#patterns.set(route, filter);
    else this.#prefixes.set(prefix, route);
    this.#memo.clear();
  }

  delete(filter: TextFilter, route: Route): void {
    const prefix = prefixOf(filter);
    if (prefix === null) this.#patterns.delete(route);
    else this.#prefixes.delete(prefix);
    this.#memo.clear();
  }

  #find(text: string): readonly Route[] {
    const found = this.#prefixes.prefixesOf(text);
    for (const [route, filter] of this.#patterns) if (filter.test(text)) found.push(route);
    return found;
  }
}

function prefixOf({ filter }: CompiledFilter): string | null {
  return filter.kind === 'stream-prefix' || filter.kind === 'type-prefix' ? filter.prefix : null;
}
