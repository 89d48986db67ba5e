/**
 * The listening side of the peer port: its calls, on a server of its own, apart from the clients'. Whatever arrives there, no
 * bytes end the process: what cannot be read ends its call.
 */
import { Server } from '@grpc/grpc-js';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { Introduction } from '../../cluster/member.ts';
import type { InvariantViolation } from '../../lib/assert.ts';
import type { Clock } from '../../lib/clock.ts';
import type { BoundAddress } from '../../lib/listen.ts';
import { noCallObserver } from '../../telemetry/call-observer.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { CallContext } from '../call-context.ts';
import { ConnectionGate } from '../connection-gate.ts';
import { directInterceptor, registerDirectMethods } from '../direct-methods.ts';
import type { DirectMethod } from '../direct-methods.ts';
import { FailureReporter } from '../failure-reporter.ts';
import { JoinResponse, PeerService } from '../gen/graveyar/raft/v1/peer.ts';
import type { ServerCall } from '../server-call.ts';
import { UnaryCall } from '../unary-call.ts';
import type { UnaryMethod } from '../unary-call.ts';
import { encodeIntroduction, readIntroduction } from './introduction-codec.ts';
import { MessagesCall } from './messages-call.ts';
import { peerServerCredentials } from './peer-credentials.ts';
import type { PeerTls } from './peer-credentials.ts';
import { CHANNEL_OPTIONS } from './peer-protocol.ts';
import type { PeerRegistry } from './peer-registry.ts';
import { SnapshotCall } from './snapshot-call.ts';

/** What the server is made of. */
export interface PeerServerOptions {
  readonly host: string;
  /** 0 chooses a free one. */
  readonly port: number;
  readonly tls: PeerTls | null;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onFatal: (error: InvariantViolation) => void;
}

/** The listener. */
export interface PeerServer {
  /** Listens. Rejects with the system's error (EADDRINUSE). */
  listen(): Promise<BoundAddress>;
  /** Ends all calls and connections. */
  stop(): Promise<void>;
}

/** Members, their connections, and some that look around. */
const maxConnections = 1_000;
/** Joining waits until the cluster has taken the member in. */
const maxUnaryMillis = 60_000;
const noAnswer = JoinResponse.encode({}).finish();

/** Not listening yet. */
export function createPeerServer(registry: PeerRegistry, options: PeerServerOptions): PeerServer {
  const context = new CallContext({
    clock: options.clock,
    observer: noCallObserver,
    failures: new FailureReporter(options.logger, options.onFatal),
    maxUnaryMillis,
  });
  const methods = peerMethods(registry, context);
  const server = new Server({ ...CHANNEL_OPTIONS, interceptors: [directInterceptor(methods)] });
  registerDirectMethods(server, methods);
  const injector = server.createConnectionInjector(peerServerCredentials(options.tls));
  const gate = new ConnectionGate(
    maxConnections,
    (socket) => {
      injector.injectConnection(socket);
    },
    () => undefined,
  );
  return {
    listen: () => gate.listen(options.host, options.port),
    async stop() {
      const closed = gate.close();
      context.drain();
      gate.cut();
      await closed;
    },
  };
}

function peerMethods(registry: PeerRegistry, context: CallContext): DirectMethod[] {
  const introduce: UnaryMethod<Introduction, Introduction> = {
    read: readIntroduction,
    run: (other) => Promise.resolve(registry.handler.introduce(other)),
    encode: encodeIntroduction,
  };
  const join: UnaryMethod<Introduction, undefined> = {
    read: readIntroduction,
    run: async (other) => {
      await registry.handler.join(other);
      return undefined;
    },
    encode: () => noAnswer,
  };
  const { messages, installSnapshot, introduce: introducePath, join: joinPath } = PeerService;
  return [
    method(messages, (base, name) => new MessagesCall(base, context, name, registry)),
    method(installSnapshot, (base, name) => new SnapshotCall(base, context, name, registry)),
    method(introducePath, (base, name) => new UnaryCall(base, context, name, introduce)),
    method(joinPath, (base, name) => new UnaryCall(base, context, name, join)),
  ];
}

function method(
  shape: { readonly path: string; readonly requestStream: boolean; readonly responseStream: boolean },
  create: (base: ServerInterceptingCallInterface, name: string) => ServerCall,
): DirectMethod {
  const { path, requestStream, responseStream } = shape;
  const name = path.slice(1);
  return { path, requestStream, responseStream, create: (base) => create(base, name) };
}
