/**
 * The transport port over gRPC: links to the members that were set, and a server for what they send. Composes, and keeps the
 * links in step with the peers.
 */
import { Client, Metadata, status as Code } from '@grpc/grpc-js';
import type { ChannelCredentials, ServiceError } from '@grpc/grpc-js';
import type { Introduction } from '../../cluster/member.ts';
import type { Message } from '../../cluster/raft-message.ts';
import type { Peer, SnapshotSource, Transport, TransportHandler } from '../../cluster/transport.ts';
import { StoreError } from '../../domain/errors.ts';
import { withAnySignal } from '../../lib/deadline.ts';
import type { BoundAddress } from '../../lib/listen.ts';
import { MessagesRequest, PeerService } from '../gen/graveyar/raft/v1/peer.ts';
import type { Hello } from '../gen/graveyar/raft/v1/peer.ts';
import { asBuffer } from '../request-reader.ts';
import { storeErrorOf } from '../store-error.ts';
import { encodeIntroduction, readIntroduction } from './introduction-codec.ts';
import { peerChannelCredentials } from './peer-credentials.ts';
import { PeerLink } from './peer-link.ts';
import { CHANNEL_OPTIONS, PROTOCOL_VERSION } from './peer-protocol.ts';
import { PeerRegistry } from './peer-registry.ts';
import { createPeerServer } from './peer-server.ts';
import type { PeerServer, PeerServerOptions } from './peer-server.ts';
import { SnapshotSender } from './snapshot-sender.ts';

/** What a transport is made of. */
export type GrpcTransportOptions = PeerServerOptions;

const identity = (bytes: Buffer): Buffer => bytes;
/** What is on its way to a member that was removed may still arrive: it learns of its removal so. */
const lingerMillis = 2_000;

/** The transport. {@link GrpcTransport.listen} before {@link GrpcTransport.start}, whose caller has to know the address. */
export class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions;
  readonly #credentials: ChannelCredentials;
  readonly #registry: PeerRegistry;
  readonly #server: PeerServer;
  readonly #links = new Map<number, PeerLink>();
  /** Links to members that are peers no longer, for a moment. */
  readonly #leaving = new Set<PeerLink>();
  readonly #transfers = new Set<AbortController>();
  #stopped: Promise<void> | null = null;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
    this.#credentials = peerChannelCredentials(options.tls);
    this.#registry = new PeerRegistry(options.clock.nowMicros());
    this.#server = createPeerServer(this.#registry, options);
  }

  /** Listens; calls are refused (NOT_SERVING) until {@link start}. Rejects with the system's error (EADDRINUSE). */
  listen(): Promise<BoundAddress> {
    return this.#server.listen();
  }

  start(handler: TransportHandler, self: () => Introduction): Promise<void> {
    this.#registry.start(handler, self);
    return Promise.resolve();
  }

  setPeers(peers: readonly Peer[]): void {
    if (this.#stopped !== null) return;
    const wanted = new Map(peers.map((peer) => [peer.id, peer]));
    for (const [id, link] of this.#links) {
      if (wanted.get(id)?.address === link.peer.address) continue;
      this.#links.delete(id);
      this.#leaving.add(link);
      this.#options.clock.setTimer(lingerMillis, () => {
        this.#leaving.delete(link);
        link.close();
      });
    }
    for (const peer of peers) {
      if (!this.#links.has(peer.id)) this.#links.set(peer.id, this.#connect(peer));
    }
  }

  send(messages: readonly Message[]): void {
    let last: PeerLink | null = null;
    for (const message of messages) {
      const link = this.#links.get(message.to);
      if (link === undefined) continue;
      // Messages for one peer mostly come together.
      if (last !== null && last !== link) last.flush();
      link.push(message);
      last = link;
    }
    last?.flush();
  }

  async sendSnapshot(message: Message, source: SnapshotSource, signal: AbortSignal): Promise<void> {
    const link = this.#links.get(message.to);
    if (link === undefined) throw notServing(`member ${message.to} is not known`);
    const client = link.connect();
    const controller = new AbortController();
    this.#transfers.add(controller);
    try {
      const sender = new SnapshotSender(client, this.#options.clock);
      await withAnySignal([signal, controller.signal], (either) =>
        sender.send(this.#hello(message.to), message, source, either),
      );
    } finally {
      this.#transfers.delete(controller);
      link.disconnect(client);
    }
  }

  async introduce(address: string, self: Introduction, signal: AbortSignal): Promise<Introduction> {
    return readIntroduction(await this.#unary(address, PeerService.introduce.path, self, signal));
  }

  async join(address: string, self: Introduction, signal: AbortSignal): Promise<void> {
    await this.#unary(address, PeerService.join.path, self, signal);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    for (const controller of this.#transfers) controller.abort(notServing('the member is stopping'));
    for (const link of [...this.#links.values(), ...this.#leaving]) link.close();
    this.#links.clear();
    await this.#server.stop();
  }

  #connect(peer: Peer): PeerLink {
    const { clock, logger } = this.#options;
    return new PeerLink({
      peer,
      credentials: this.#credentials,
      clock,
      logger,
      hello: () => asBuffer(MessagesRequest.encode({ hello: this.#hello(peer.id), messages: [] }).finish()),
      onUnreachable: () => {
        if (this.#links.has(peer.id)) this.#registry.handler.unreachable(peer.id);
      },
      onConnected: () => {
        this.#registry.handler.reached(peer.id);
      },
      onDisconnected: () => {
        if (this.#links.has(peer.id)) this.#registry.handler.disconnected(peer.id);
      },
    });
  }

  #hello(to: number): Hello {
    const { member, clusterId } = this.#registry.self;
    return {
      protocolVersion: PROTOCOL_VERSION,
      clusterId: clusterId ?? '',
      from: member.id,
      to,
      incarnation: this.#registry.incarnation,
      peerAddress: member.peerAddress,
    };
  }

  /** A call on a connection of its own: these are rare, and to whoever listens there. */
  #unary(address: string, path: string, self: Introduction, signal: AbortSignal): Promise<Uint8Array> {
    const client = new Client(address, this.#credentials, CHANNEL_OPTIONS);
    const request = asBuffer(encodeIntroduction(self));
    return new Promise<Uint8Array>((resolve, reject) => {
      signal.throwIfAborted();
      const call = client.makeUnaryRequest(path, identity, identity, request, new Metadata(), (error, answer) => {
        signal.removeEventListener('abort', cancel);
        if (signal.aborted) reject(signal.reason as Error);
        else if (error !== null) reject(failureOf(error));
        else resolve(answer ?? new Uint8Array(0));
      });
      const cancel = (): void => {
        call.cancel();
      };
      signal.addEventListener('abort', cancel, { once: true });
    }).finally(() => {
      client.close();
    });
  }
}

function failureOf(error: ServiceError): StoreError {
  if (error.code !== Code.UNIMPLEMENTED) return storeErrorOf(error);
  const reason = 'this is no port for members (is it the port for clients?)';
  return new StoreError('MEMBERSHIP_REFUSED', reason, { reason });
}

function notServing(reason: string): StoreError {
  return new StoreError('NOT_SERVING', reason, { reason });
}
