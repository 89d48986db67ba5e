/**
 * The transport port: how messages, snapshots and introductions get to other members. The driver and its neighbours are
 * written against it; gRPC and a network in memory implement it. Knows no wire.
 *
 * Rules of an implementation: nothing it is asked to send may block the caller or throw; everything queued is bounded for
 * each peer, and what does not fit is dropped and told by {@link TransportHandler.unreachable} (Raft sends again). Messages may
 * be lost, repeated and reordered. A message is for the member id it names and for nobody else at the same address: a
 * connection begins with a greeting that says the protocol version, both ids, the sender's peer address and its cluster id,
 * and is refused when the receiver has another id, or when both have a cluster and it is not the same.
 */
import type { Message } from '../raft/messages.ts';
import type { Introduction } from './member.ts';

/** Where a member listens for members. */
export interface Peer {
  readonly id: number;
  /** `host:port`. */
  readonly address: string;
}

/** Records of the store, as one checked piece of a transfer. */
export interface SnapshotChunk {
  /** Positions in it: `firstPosition <= position < endPosition`. */
  readonly firstPosition: number;
  readonly endPosition: number;
  /** A group in the store's own encoding (src/storage/group.ts), about a mebibyte or one large record. The receiver's to keep. */
  readonly bytes: Uint8Array;
  /** CRC-32 of `bytes`: made by the source, checked by the receiver, passed on by the transport. */
  readonly crc: number;
}

/** What a snapshot's sender reads from. */
export interface SnapshotSource {
  /**
   * The records from `position` on, up to the snapshot's end, in order and without gaps. Pulled: the transport asks for the
   * next chunk when its flow control has room. Ending the iteration early releases what it holds. Rejects when they cannot be read.
   */
  chunksFrom(position: number): AsyncIterable<SnapshotChunk>;
}

/** The receiving end of one transfer. Calls come one after the other. */
export interface SnapshotReceiver {
  /** The first position that this member lacks: where the sender has to begin. May be the snapshot's end. */
  readonly nextPosition: number;
  /** Checks and applies a chunk. Resolves with the first position that is still missing. A rejection ends the transfer. */
  take(chunk: SnapshotChunk): Promise<number>;
  /** All chunks are there: makes them durable and hands the message to the core. Rejects when something is missing. */
  complete(): Promise<void>;
  /** The transfer ended early. What was taken stays: the next one resumes there. */
  abort(reason: string): void;
}

/** Who takes what arrives. Must not throw. */
export interface TransportHandler {
  /** A message from a member arrived. Never a MsgSnap: those come with {@link beginSnapshot}. */
  receive(message: Message): void;
  /** A member's greeting was accepted: where to answer it, even if it is not among the peers that were set. */
  connected(peer: Peer): void;
  /** This member can be sent to from now on. May come again and again, and late. */
  reached(id: number): void;
  /** A connection to this member, that was ready, broke: its process ended, or the network failed. It is tried anew. */
  disconnected(id: number): void;
  /** Messages to this member were dropped, or its connection broke. At most about once per second and peer. */
  unreachable(id: number): void;
  /**
   * A member begins to send a snapshot: `message` is the MsgSnap. Rejects with NOT_SERVING when it is not taken now. A later
   * transfer takes the place of one that is under way, whose calls then reject.
   */
  beginSnapshot(message: Message): Promise<SnapshotReceiver>;
  /** Somebody introduces itself and asks who this is. */
  introduce(other: Introduction): Introduction;
  /** Somebody without a cluster asks to be added as a learner. Rejects with NOT_LEADER, MEMBERSHIP_REFUSED and so on. */
  join(other: Introduction): Promise<void>;
}

export interface Transport {
  /** Begins to deliver to `handler`. Called once, before everything else. `self` is what greetings say. */
  start(handler: TransportHandler, self: () => Introduction): Promise<void>;

  /** The peers that messages may be for, whenever they change; not with this member. Connections to others are closed soon. */
  setPeers(peers: readonly Peer[]): void;

  /** Sends messages, those for one peer in this order. Never a MsgSnap. `heartbeats` and votes are not stuck behind appends. */
  send(messages: readonly Message[]): void;

  /**
   * Sends the MsgSnap `message` with the records its receiver lacks: asks it for its next position, streams chunks as fast as it takes
   * them, ends with `complete`. One transfer for each peer at a time. Resolves when the receiver has completed; rejects
   * otherwise, also after some seconds without progress or when `signal` is aborted.
   */
  sendSnapshot(message: Message, source: SnapshotSource, signal: AbortSignal): Promise<void>;

  /** Asks whoever listens at `address` who it is. Rejects with any error when nobody answers before the signal is aborted. */
  introduce(address: string, self: Introduction, signal: AbortSignal): Promise<Introduction>;

  /** Asks the member at `address` to add `self` as a learner. Rejects with the StoreError of {@link TransportHandler.join}. */
  join(address: string, self: Introduction, signal: AbortSignal): Promise<void>;

  /** Ends all connections. Idempotent. */
  stop(): Promise<void>;
}
