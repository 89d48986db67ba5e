/**
 * The methods that the server has: which pipeline function each calls, and how its messages are read and written. The names
 * and paths come from the generated services, so that a method without an entry here does not compile.
 */
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { Append, AppendResult } from '../domain/append.ts';
import { limits } from '../domain/limits.ts';
import type { EventPipeline } from '../pipeline/event-pipeline.ts';
import type { ClusterAdmin } from '../cluster/cluster-admin.ts';
import { encodeAppendResponse, encodeTransactionResponse } from './append-response.ts';
import { readAppendEvent, readAppendTransaction } from './append-request.ts';
import type { CallContext } from './call-context.ts';
import { clusterMethods } from './cluster-methods.ts';
import type { DirectMethod } from './direct-methods.ts';
import { forwardedMethod } from './forwarded-method.ts';
import type { Forwarder } from './forwarder.ts';
import { ClusterService } from './gen/graveyar/v1/cluster.ts';
import { EventStoreService } from './gen/graveyar/v1/event_store.ts';
import { HealthService } from './gen/grpc/health/v1/health.ts';
import { encodeHealth, readHealthRequest } from './health.ts';
import type { Health } from './health.ts';
import { encodeStreamPage, readListStreamsRequest } from './list-streams-request.ts';
import { readAllRequest, readStreamRequest } from './read-request.ts';
import type { ServerCall } from './server-call.ts';
import { SessionCall } from './session-call.ts';
import type { SessionBounds } from './session-call.ts';
import { SessionRelay } from './session-relay.ts';
import { StreamingCall } from './streaming-call.ts';
import type { StreamingMethod } from './streaming-call.ts';
import { encodeSubscriptionMessage, readSubscribeRequest } from './subscribe-request.ts';
import { UnaryCall } from './unary-call.ts';
import type { UnaryMethod } from './unary-call.ts';

/** What one session may have in flight; its client is held back beyond. */
const sessionBounds: SessionBounds = { appends: 1024, bytes: limits.appendBytes };

/** Makes a call of a method, given its full name. */
type CallFactory = (base: ServerInterceptingCallInterface, context: CallContext, name: string) => ServerCall;

function unary<Request, Response>(definition: UnaryMethod<Request, Response>): CallFactory {
  return (base, context, name) => new UnaryCall(base, context, name, definition);
}

function streaming<Request, Message>(definition: StreamingMethod<Request, Message>): CallFactory {
  return (base, context, name) => new StreamingCall(base, context, name, definition);
}

type Appends = Pick<
  Record<keyof typeof EventStoreService, CallFactory>,
  'appendEvent' | 'appendSession' | 'appendTransaction'
>;

/** Without a forwarder this server decides by itself. */
function appends(pipeline: EventPipeline, forwarder: Forwarder | null): Appends {
  const run = (append: Append, signal: AbortSignal): Promise<readonly AppendResult[]> =>
    pipeline.append(append, signal);
  const appendEvent = { read: readAppendEvent, run, encode: encodeAppendResponse };
  const appendTransaction = { read: readAppendTransaction, run, encode: encodeTransactionResponse };
  const session: CallFactory = (base, context, name) => new SessionCall(base, context, name, run, sessionBounds);
  if (forwarder === null) {
    return { appendEvent: unary(appendEvent), appendSession: session, appendTransaction: unary(appendTransaction) };
  }
  const { path } = EventStoreService.appendSession;
  return {
    appendEvent: unary(forwardedMethod(appendEvent, EventStoreService.appendEvent.path, forwarder, true)),
    appendSession: (base, context, name) =>
      forwarder.leads ? session(base, context, name) : new SessionRelay(base, context, name, path, forwarder),
    appendTransaction: unary(
      forwardedMethod(appendTransaction, EventStoreService.appendTransaction.path, forwarder, true),
    ),
  };
}

function eventStore(
  pipeline: EventPipeline,
  forwarder: Forwarder | null,
): Record<keyof typeof EventStoreService, CallFactory> {
  return {
    ...appends(pipeline, forwarder),
    readStream: streaming({
      read: readStreamRequest,
      run: (request, signal) => pipeline.readStream(request, signal),
      encode: (batch) => batch.wire,
      endless: false,
    }),
    readAll: streaming({
      read: readAllRequest,
      run: (request, signal) => pipeline.readAll(request, signal),
      encode: (batch) => batch.wire,
      endless: false,
    }),
    subscribe: streaming({
      read: readSubscribeRequest,
      run: (request, signal) => pipeline.subscribe(request, signal),
      encode: encodeSubscriptionMessage,
      endless: true,
    }),
    listStreams: unary({
      read: readListStreamsRequest,
      run: (request, signal) => pipeline.listStreams(request, signal),
      encode: encodeStreamPage,
    }),
  };
}

function healthChecks(health: Health): Record<keyof typeof HealthService, CallFactory> {
  return {
    check: unary({
      read: readHealthRequest,
      run: (service) => Promise.resolve(health.check(service)),
      encode: encodeHealth,
    }),
    watch: streaming({
      read: readHealthRequest,
      run: (service, signal) => health.watch(service, signal),
      encode: encodeHealth,
      endless: true,
    }),
  };
}

/** The cluster that a server is a member of. */
export interface ServedCluster {
  readonly admin: ClusterAdmin;
  readonly forwarder: Forwarder;
}

/** Every method of the server but reflection's. Without a cluster there is no Cluster service. */
export function directMethods(
  pipeline: EventPipeline,
  cluster: ServedCluster | null,
  health: Health,
  context: CallContext,
): DirectMethod[] {
  const methods = [
    ...bind(EventStoreService, eventStore(pipeline, cluster?.forwarder ?? null), context),
    ...bind(HealthService, healthChecks(health), context),
  ];
  if (cluster === null) return methods;
  return [...methods, ...bind(ClusterService, clusterMethods(cluster.admin, cluster.forwarder), context)];
}

interface MethodShape {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

function bind<Name extends string>(
  service: Readonly<Record<Name, MethodShape>>,
  factories: Readonly<Record<Name, CallFactory>>,
  context: CallContext,
): DirectMethod[] {
  return (Object.keys(service) as Name[]).map((key) => {
    const { path, requestStream, responseStream } = service[key];
    const name = path.slice(1);
    const create = factories[key];
    return { path, requestStream, responseStream, create: (base) => create(base, context, name) };
  });
}
