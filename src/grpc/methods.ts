/**
 * The methods that the server has: which pipeline function each calls, and how its messages are read and written. The names
 * and paths come from the generated services, so that a method without an entry here does not compile.
 */
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { limits } from '../domain/limits.ts';
import type { EventPipeline } from '../pipeline/event-pipeline.ts';
import { encodeAppendResponse, encodeTransactionResponse } from './append-response.ts';
import { readAppendEvent, readAppendTransaction } from './append-request.ts';
import type { CallContext } from './call-context.ts';
import type { DirectMethod } from './direct-methods.ts';
import { EventStoreService } from './gen/graveyar/v1/event_store.ts';
import { HealthService } from './gen/grpc/health/v1/health.ts';
import { encodeHealth, readHealthRequest } from './health.ts';
import type { Health } from './health.ts';
import { encodeStreamPage, readListStreamsRequest } from './list-streams-request.ts';
import { readAllRequest, readStreamRequest } from './read-request.ts';
import type { ServerCall } from './server-call.ts';
import { SessionCall } from './session-call.ts';
import type { SessionBounds } from './session-call.ts';
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

function eventStore(pipeline: EventPipeline): Record<keyof typeof EventStoreService, CallFactory> {
  const append = pipeline.append.bind(pipeline);
  return {
    appendEvent: unary({ read: readAppendEvent, run: append, encode: encodeAppendResponse }),
    appendSession: (base, context, name) => new SessionCall(base, context, name, append, sessionBounds),
    appendTransaction: unary({ read: readAppendTransaction, run: append, encode: encodeTransactionResponse }),
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

/** Every method of the server but reflection's. */
export function directMethods(pipeline: EventPipeline, health: Health, context: CallContext): DirectMethod[] {
  return [
    ...bind(EventStoreService, eventStore(pipeline), context),
    ...bind(HealthService, healthChecks(health), context),
  ];
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
