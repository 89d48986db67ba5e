/**
 * The client: what an application calls. Everything else in this folder is behind it.
 */
import type { AppendResult } from '../domain/append.ts';
import type { Query } from '../domain/query.ts';
import {
  AppendEventResponse,
  AppendTransactionRequest,
  AppendTransactionResponse,
  EventStoreService,
  ListStreamsRequest,
  ListStreamsResponse,
} from '../grpc/gen/graveyar/v1/event_store.ts';
import type { StreamInfo } from '../grpc/gen/graveyar/v1/event_store.ts';
import { systemClock } from '../lib/clock.ts';
import { AppendSession } from './append-session.ts';
import type { SessionOptions } from './append-session.ts';
import { Caller } from './caller.ts';
import { ClusterClient } from './cluster-client.ts';
import type { CallOptions, ClientOptions } from './client-options.ts';
import { Endpoints } from './endpoints.ts';
import { InvalidArgumentError, StreamNotFoundError } from './errors.ts';
import { EventStream } from './event-stream.ts';
import { encodeAppend } from './encode-append.ts';
import { appendMessage } from './new-event.ts';
import type { Expected, NewEvent } from './new-event.ts';
import { consistencyMessage, queryMessage, readAllRequests, readStreamRequests } from './read-requests.ts';
import type { Consistency, ReadAllOptions, ReadStreamOptions } from './read-requests.ts';
import { Subscription } from './subscription.ts';
import type { SubscribeOptions } from './subscription.ts';
import type { SubscriptionTarget } from './subscription-requests.ts';

/** What an append takes. */
export interface AppendOptions extends CallOptions {
  /** The state the stream must be in. Default: any. */
  readonly expectedVersion?: Expected;
}

/** One stream's part of a transaction. */
export interface TransactionPart {
  readonly streamId: string;
  readonly events: readonly NewEvent[];
  readonly expectedVersion?: Expected;
}

/** What a transaction takes. */
export interface TransactionOptions extends CallOptions {
  /** Fails the transaction when an event that matches `query` exists after `afterPosition` (not given: at all). */
  readonly condition?: { readonly query: Query; readonly afterPosition?: number };
}

/** What listing streams takes. */
export interface ListStreamsOptions extends CallOptions {
  /** Only streams whose id begins with this. */
  readonly prefix?: string;
  /** Streams fetched with one call, 1 to 1,000. Default 100. */
  readonly pageSize?: number;
  readonly consistency?: Consistency;
}

/** A page of streams. */
export interface StreamPage {
  readonly streams: readonly StreamInfo[];
  /** Gives the next page; empty: this was the last. */
  readonly nextPageToken: string;
}

/**
 * Appends to, reads from and subscribes to a store. Connects when first used; safe for any number of calls at a time. Every
 * method rejects with a {@link GraveyarError}, or with the reason of the signal it was given.
 */
export class GraveyarClient {
  /** Who the members are, how they are, and changing them. */
  readonly cluster: ClusterClient;
  readonly #endpoints: Endpoints;
  readonly #caller: Caller;

  /** `addresses`: `host:port` of one member or of several, which are tried in turn. */
  constructor(addresses: string | readonly string[], options: ClientOptions = {}) {
    const list = typeof addresses === 'string' ? [addresses] : [...addresses];
    if (list.length === 0) throw new InvalidArgumentError('a client needs an address', 'addresses', 'at least one');
    const clock = options.clock ?? systemClock;
    const { tls, connectMillis = Infinity, discover = true } = options;
    this.#endpoints = new Endpoints(list, { tls, clock, connectMillis, discover });
    this.#caller = new Caller(this.#endpoints, {
      deadlineMillis: options.deadlineMillis ?? 30_000,
      firstBackoffMillis: options.firstBackoffMillis ?? 50,
      longestBackoffMillis: options.longestBackoffMillis ?? 500,
      clock,
    });
    this.cluster = new ClusterClient(this.#caller);
  }

  /**
   * Appends events to one stream, atomically; durable when it resolves. Tried again by itself when that may help: ids that
   * were not given are made before the first try, so that the events are there once whatever happens.
   */
  append(streamId: string, events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendResult> {
    const request = encodeAppend(appendMessage(streamId, events, options.expectedVersion));
    const { path } = EventStoreService.appendEvent;
    return this.#caller.unary(path, request, (answer) => AppendEventResponse.decode(answer), options, 'append');
  }

  /** Appends to several streams in one atomic step. One result for each part, in order. */
  transaction(parts: readonly TransactionPart[], options: TransactionOptions = {}): Promise<readonly AppendResult[]> {
    const { condition } = options;
    const request = AppendTransactionRequest.encode({
      appends: parts.map((part) => appendMessage(part.streamId, part.events, part.expectedVersion)),
      condition: condition && { query: queryMessage(condition.query), afterPosition: condition.afterPosition },
    }).finish();
    const { path } = EventStoreService.appendTransaction;
    return this.#caller.unary(
      path,
      request,
      (answer) => AppendTransactionResponse.decode(answer).appends,
      options,
      'append',
    );
  }

  /** Begins a session: many appends in flight, in order. */
  session(options: SessionOptions = {}): AppendSession {
    return new AppendSession(this.#caller, options);
  }

  /** Reads one stream. Its iteration rejects with {@link StreamNotFoundError} when the stream has no events. */
  readStream(streamId: string, options: ReadStreamOptions = {}): EventStream {
    const { path } = EventStoreService.readStream;
    return new EventStream(this.#caller, path, readStreamRequests(streamId, options), options);
  }

  /** Reads the whole store, filtered or not. */
  readAll(options: ReadAllOptions = {}): EventStream {
    return new EventStream(this.#caller, EventStoreService.readAll.path, readAllRequests(options), options);
  }

  /** Reads what is there and goes on with what comes next, until its signal is aborted or its iteration is ended. */
  subscribe(target: SubscriptionTarget, options: SubscribeOptions = {}): Subscription {
    const { path } = EventStoreService.subscribe;
    return new Subscription(this.#caller, path, target, this.#revisionAt, options);
  }

  /** All streams in the byte order of their ids, page by page as they are asked for. */
  async *listStreams(options: ListStreamsOptions = {}): AsyncGenerator<StreamInfo, void, undefined> {
    const { deadlineMillis } = options;
    const { clock } = this.#caller.settings;
    const began = clock.monotonicMillis();
    let token = '';
    do {
      const left =
        deadlineMillis === undefined ? {} : { deadlineMillis: deadlineMillis - (clock.monotonicMillis() - began) };
      const page = await this.listStreamsPage({ ...options, ...left, pageToken: token });
      yield* page.streams;
      token = page.nextPageToken;
    } while (token !== '');
  }

  /** One page of streams. `pageToken`: of the page before; empty or not given: the first page. */
  listStreamsPage(options: ListStreamsOptions & { readonly pageToken?: string } = {}): Promise<StreamPage> {
    const request = ListStreamsRequest.encode({
      prefix: options.prefix ?? '',
      pageSize: options.pageSize ?? 0,
      pageToken: options.pageToken ?? '',
      consistency: consistencyMessage(options.consistency),
    }).finish();
    const { path } = EventStoreService.listStreams;
    return this.#caller.unary(path, request, (answer) => ListStreamsResponse.decode(answer), options);
  }

  /** Closes the connections. Calls that go on fail. */
  close(): void {
    this.#endpoints.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  readonly #revisionAt = async (
    streamId: string,
    position: number,
    signal: AbortSignal | undefined,
  ): Promise<number | null> => {
    const options = { direction: 'backwards', ...(signal === undefined ? {} : { signal }) } as const;
    try {
      for await (const event of this.readStream(streamId, options)) {
        if (event.position <= position) return event.revision;
      }
    } catch (error) {
      if (!(error instanceof StreamNotFoundError)) throw error;
    }
    return null;
  };
}
