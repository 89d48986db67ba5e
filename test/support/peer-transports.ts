/**
 * Members that are nothing but a gRPC transport on loopback and a record of what it delivered.
 */
import type { Introduction } from '../../src/cluster/member.ts';
import { MessageType } from '../../src/cluster/raft-message.ts';
import type { Message } from '../../src/cluster/raft-message.ts';
import type { Peer, SnapshotChunk, SnapshotReceiver, TransportHandler } from '../../src/cluster/transport.ts';
import { GrpcTransport } from '../../src/grpc/peer/grpc-transport.ts';
import type { PeerTls } from '../../src/grpc/peer/peer-credentials.ts';
import type { InvariantViolation } from '../../src/lib/assert.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';

export interface RecordedMember {
  readonly peer: Peer;
  readonly transport: GrpcTransport;
  readonly received: Message[];
  readonly connected: Peer[];
  readonly unreachable: number[];
  readonly fatal: InvariantViolation[];
  /** What became of connections to others: each has two. */
  readonly connections: string[];
  /** Warnings with their reasons. */
  readonly warnings: string[];
  /** Every chunk that was taken, of all transfers. */
  readonly chunks: SnapshotChunk[];
  /** How transfers ended: a MsgSnap's index, or the reason of an abort. */
  readonly transfers: (number | string)[];
  self: Introduction;
}

export interface RecordedMemberOptions {
  readonly id: number;
  readonly clusterId?: string | null;
  readonly port?: number;
  readonly tls?: PeerTls;
  readonly join?: TransportHandler['join'];
  /** What a transfer does with a chunk beyond recording it. */
  readonly take?: (chunk: SnapshotChunk) => Promise<void>;
}

/** Starts one. The caller stops its transport. */
export async function startMember(options: RecordedMemberOptions): Promise<RecordedMember> {
  const { id, clusterId = 'c', port = 0, tls = null } = options;
  const fatal: InvariantViolation[] = [];
  const warnings: string[] = [];
  const logger = {
    ...silentLogger,
    warn: (_: string, fields: Readonly<Record<string, unknown>> = {}) => {
      warnings.push(String(fields['reason']));
    },
  };
  const onFatal = (error: InvariantViolation): void => {
    fatal.push(error);
  };
  const transport = new GrpcTransport({ host: '127.0.0.1', port, tls, clock: systemClock, logger, onFatal });
  const bound = await transport.listen();
  const peer = { id, address: `${tls === null ? '127.0.0.1' : 'localhost'}:${bound.port}` };
  const member: RecordedMember = {
    peer,
    transport,
    received: [],
    connected: [],
    connections: [],
    unreachable: [],
    fatal,
    warnings,
    chunks: [],
    transfers: [],
    self: {
      member: { id, name: `node-${id}`, peerAddress: peer.address, clientAddress: `clients-${id}:1` },
      clusterId,
      initialMembers: [],
      knownIds: [],
    },
  };
  await transport.start(handlerOf(member, options), () => member.self);
  return member;
}

function handlerOf(member: RecordedMember, options: RecordedMemberOptions): TransportHandler {
  return {
    receive: (message) => {
      member.received.push(message);
    },
    connected: (peer) => {
      member.connected.push(peer);
    },
    reached: (id) => {
      member.connections.push(`reached ${id}`);
    },
    disconnected: (id) => {
      member.connections.push(`disconnected from ${id}`);
    },
    unreachable: (id) => {
      member.unreachable.push(id);
    },
    beginSnapshot: (message) => Promise.resolve(receiverOf(member, message, options)),
    introduce: () => member.self,
    join: options.join ?? (() => Promise.resolve()),
  };
}

function receiverOf(member: RecordedMember, message: Message, options: RecordedMemberOptions): SnapshotReceiver {
  return {
    get nextPosition() {
      return member.chunks.at(-1)?.endPosition ?? 0;
    },
    async take(chunk) {
      await options.take?.(chunk);
      member.chunks.push({ ...chunk, bytes: Buffer.from(chunk.bytes) });
      return chunk.endPosition;
    },
    complete: () => {
      member.transfers.push(message.snapshot?.index ?? -1);
      return Promise.resolve();
    },
    abort: (reason) => {
      member.transfers.push(reason);
    },
  };
}

/** A message of member `from` to member `to`. */
export function messageOf(from: number, to: number, changes: Partial<Message> = {}): Message {
  return {
    type: MessageType.MsgHeartbeat,
    to,
    from,
    term: 1,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    snapshot: null,
    reject: false,
    rejectHint: 0,
    context: new Uint8Array(0),
    ...changes,
  };
}

/** A MsgApp with one entry of so many bytes at an index. */
export function appendOf(from: number, to: number, index: number, bytes = 10): Message {
  const entries = [{ type: 0, term: 1, index, data: Buffer.alloc(bytes, index % 256) } as const];
  return messageOf(from, to, { type: MessageType.MsgApp, index: index - 1, logTerm: 1, entries });
}
