/**
 * Who is connected to this member: one process for each member id, the one that greeted last. An older process of the same
 * member, or one whose connection was forgotten by the network, is cut off when a new one greets.
 */
import type { Introduction } from '../../cluster/member.ts';
import type { TransportHandler } from '../../cluster/transport.ts';
import { StoreError } from '../../domain/errors.ts';
import type { Hello } from '../gen/graveyar/raft/v1/peer.ts';
import { refusalOf } from './peer-protocol.ts';

/** An incoming call of a member. */
export interface IncomingCall {
  /** Ends it: another process of the same member has greeted. */
  supersede(): void;
}

/** What incoming calls share. */
export class PeerRegistry {
  readonly incarnation: number;
  readonly #calls = new Map<number, { incarnation: number; calls: Set<IncomingCall> }>();
  #handler: TransportHandler | null = null;
  #self: (() => Introduction) | null = null;

  /** `incarnation` tells this process from others of the same member. */
  constructor(incarnation: number) {
    this.incarnation = incarnation;
  }

  /** Begins to deliver. Before, everything is refused. */
  start(handler: TransportHandler, self: () => Introduction): void {
    this.#handler = handler;
    this.#self = self;
  }

  get handler(): TransportHandler {
    if (this.#handler === null) throw starting();
    return this.#handler;
  }

  get self(): Introduction {
    if (this.#self === null) throw starting();
    return this.#self();
  }

  /** Takes a greeting. Throws MEMBERSHIP_REFUSED when the two do not belong together. */
  greet(hello: Hello, call: IncomingCall): void {
    const refusal = refusalOf(hello, this.self);
    if (refusal !== null) throw refusal;
    const { from, incarnation, peerAddress } = hello;
    let known = this.#calls.get(from);
    if (known?.incarnation !== incarnation) {
      const old = known?.calls ?? [];
      known = { incarnation, calls: new Set() };
      this.#calls.set(from, known);
      for (const other of old) other.supersede();
    }
    known.calls.add(call);
    this.handler.connected({ id: from, address: peerAddress });
  }

  /** A call that had greeted has ended. */
  forget(from: number, call: IncomingCall): void {
    const known = this.#calls.get(from);
    known?.calls.delete(call);
    if (known?.calls.size === 0) this.#calls.delete(from);
  }
}

function starting(): StoreError {
  const reason = 'the member is starting';
  return new StoreError('NOT_SERVING', reason, { reason });
}
