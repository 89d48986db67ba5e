/**
 * The gRPC server: options, start and stop. Composes what the other files of this folder know; the order of a stop is
 * known here.
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerOptions } from '@grpc/grpc-js';
import { limits } from '../domain/limits.ts';
import type { ClusterAdmin } from '../cluster/cluster-admin.ts';
import type { InvariantViolation } from '../lib/assert.ts';
import type { Clock } from '../lib/clock.ts';
import type { BoundAddress } from '../lib/listen.ts';
import type { EventPipeline } from '../pipeline/event-pipeline.ts';
import type { CallObserver } from '../telemetry/call-observer.ts';
import { noCallObserver } from '../telemetry/call-observer.ts';
import type { Logger } from '../telemetry/logger.ts';
import { CallContext } from './call-context.ts';
import { ConnectionGate } from './connection-gate.ts';
import { directInterceptor, registerDirectMethods } from './direct-methods.ts';
import { FailureReporter } from './failure-reporter.ts';
import { Forwarder } from './forwarder.ts';
import { Health } from './health.ts';
import { LeaderConnections } from './leader-connections.ts';
import type { ForwardTls } from './leader-connections.ts';
import { directMethods } from './methods.ts';
import type { ServedCluster } from './methods.ts';
import { addReflection } from './reflection.ts';

/** Certificates in PEM. */
export interface ServerTls {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  /** When given, clients must present a certificate that it has signed. */
  readonly ca?: Uint8Array;
}

/** What a server is made of. */
export interface GrpcServerOptions {
  readonly pipeline: EventPipeline;
  readonly logger: Logger;
  readonly clock: Clock;
  /** An address of this machine; `::` for all. */
  readonly host: string;
  /** 0 chooses a free one. */
  readonly port: number;
  /** Without, connections are not encrypted. */
  readonly tls?: ServerTls;
  readonly observer?: CallObserver;
  /** Gets a broken invariant; it must end the process. */
  readonly onFatal: (error: InvariantViolation) => void;
  /** The cluster this server is a member of: appends go to its leader, and it can be asked about and changed. */
  readonly cluster?: { readonly admin: ClusterAdmin; readonly forwardTls: ForwardTls | null };
  /** What health checks answer from the start on, default true. See {@link GrpcServer.setServing}. */
  readonly serving?: boolean;
  /** Default 10,000. */
  readonly maxConnections?: number;
  /** Calls at a time on one connection, default 10,000. Clients hold back the rest. */
  readonly maxStreamsPerConnection?: number;
  /** The longest a unary call may take, default 60,000. */
  readonly maxUnaryMillis?: number;
}

/** A gRPC server. */
export interface GrpcServer {
  /** Listens, and answers health checks with SERVING from then on, unless told otherwise. Rejects with the system's error (EADDRINUSE). */
  start(): Promise<BoundAddress>;
  /** Changes what health checks answer, for a pipeline that has stopped serving by itself. */
  setServing(serving: boolean): void;
  /** Calls that are going on, for metrics and tests. */
  readonly liveCalls: number;
  /**
   * Stops: health NOT_SERVING, no new connections or calls, sessions and subscriptions ended (UNAVAILABLE, after the
   * answers to what was read), other calls finished. What is not finished after `graceMillis` is cut off. Idempotent.
   */
  stop(graceMillis: number): Promise<void>;
}

const eventStoreName = 'graveyar.v1.EventStore';
const clusterName = 'graveyar.v1.Cluster';
const healthName = 'grpc.health.v1.Health';

/** A peer that does not answer a ping is gone: its calls are cancelled. */
const keepaliveMillis = 30_000;
const keepaliveTimeoutMillis = 20_000;

/** Not listening yet. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { pipeline, clock, logger, observer = noCallObserver } = options;
  const cluster = clusterOf(options);
  const services = cluster === null ? [eventStoreName] : [eventStoreName, clusterName];
  const health = new Health(services);
  const context = new CallContext({
    clock,
    observer,
    failures: new FailureReporter(logger, options.onFatal),
    maxUnaryMillis: options.maxUnaryMillis ?? 60_000,
  });
  const methods = directMethods(pipeline, cluster, health, context);
  const server = new Server({
    ...channelOptions(options.maxStreamsPerConnection ?? 10_000),
    interceptors: [directInterceptor(methods)],
  });
  registerDirectMethods(server, methods);
  addReflection(server, [...services, healthName]);
  const injector = server.createConnectionInjector(credentials(options.tls));
  const gate = new ConnectionGate(
    options.maxConnections ?? 10_000,
    (socket) => {
      injector.injectConnection(socket);
    },
    () => {
      observer.connectionRefused();
    },
  );
  let stopped: Promise<void> | null = null;
  const stop = async (graceMillis: number): Promise<void> => {
    health.setServing(false);
    const closed = gate.close();
    context.drain();
    // Tells the clients to make no more calls on their connections; each closes with its last call. The callback says
    // nothing: on Node 24 it comes while calls go on. Likewise forceShutdown forgets connections, so the gate cuts them.
    server.tryShutdown(() => undefined);
    const cancel = clock.setTimer(graceMillis, () => {
      gate.cut();
    });
    await closed;
    cancel();
    cluster?.forwarder.close();
  };
  return {
    async start() {
      const bound = await gate.listen(options.host, options.port);
      health.setServing(options.serving ?? true);
      return bound;
    },
    setServing: (serving) => {
      health.setServing(serving);
    },
    get liveCalls() {
      return context.liveCalls;
    },
    stop: (graceMillis) => (stopped ??= stop(graceMillis)),
  };
}

function clusterOf({ cluster, clock }: GrpcServerOptions): ServedCluster | null {
  if (cluster === undefined) return null;
  const { admin, forwardTls } = cluster;
  return { admin, forwarder: new Forwarder(admin, new LeaderConnections(forwardTls), clock) };
}

function channelOptions(maxStreams: number): ServerOptions {
  return {
    'grpc.max_receive_message_length': limits.requestBytes,
    'grpc.max_send_message_length': limits.requestBytes,
    'grpc.max_concurrent_streams': maxStreams,
    'grpc.keepalive_time_ms': keepaliveMillis,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMillis,
    // Introspection of the library, which nobody asks for and every call pays for.
    'grpc.enable_channelz': 0,
  };
}

function credentials(tls: ServerTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const ca = tls.ca === undefined ? null : Buffer.from(tls.ca);
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
  return ServerCredentials.createSsl(ca, [pair], tls.ca !== undefined);
}
