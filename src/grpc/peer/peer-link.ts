/**
 * Everything that goes to one member: which stream a message takes, and how often is told that the member cannot be reached.
 * Each stream has a connection of its own, as a large append would hold up a heartbeat behind it on the same one.
 */
import { Client } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { MessageType } from '../../cluster/raft-message.ts';
import type { Message } from '../../cluster/raft-message.ts';
import type { Peer } from '../../cluster/transport.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { CHANNEL_OPTIONS } from './peer-protocol.ts';
import { PeerStream } from './peer-stream.ts';

/** What a link is made of. */
export interface PeerLinkOptions {
  readonly peer: Peer;
  readonly credentials: ChannelCredentials;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hello: () => Buffer;
  readonly onUnreachable: () => void;
  /** A stream is ready. */
  readonly onConnected: () => void;
  /** A stream that was ready broke. */
  readonly onDisconnected: () => void;
}

const MiB = 1024 * 1024;
/** More than the core's in-flight window lets through. */
const appendBounds = { count: 4096, bytes: 256 * MiB };
const controlBounds = { count: 4096, bytes: 16 * MiB };
/** Votes, above all: they may wait for a connection that is being made. */
const controlKeptWhileAway = 64;
const unreachableMillis = 1_000;

/** The kinds that may be large, or must stay in order with what may be large. */
function isAppend(type: MessageType): boolean {
  return type === MessageType.MsgApp || type === MessageType.MsgProp;
}

/** The link. Connects when it is made. */
export class PeerLink {
  readonly peer: Peer;
  readonly #options: PeerLinkOptions;
  readonly #clients = new Set<Client>();
  readonly #control: PeerStream;
  readonly #append: PeerStream;
  #toldAt = -Infinity;
  /** What was logged last: one line for each change. */
  #state = '';

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.peer = options.peer;
    this.#control = this.#stream(controlBounds, controlKeptWhileAway);
    this.#append = this.#stream(appendBounds, 0);
  }

  /** Takes a message for this member; it goes with the next {@link flush}. */
  push(message: Message): void {
    (isAppend(message.type) ? this.#append : this.#control).push(message);
  }

  flush(): void {
    this.#control.flush();
    this.#append.flush();
  }

  /** A connection for something else, such as a snapshot. Closed with the link, or before by {@link disconnect}. */
  connect(): Client {
    const client = new Client(this.peer.address, this.#options.credentials, CHANNEL_OPTIONS);
    this.#clients.add(client);
    return client;
  }

  disconnect(client: Client): void {
    this.#clients.delete(client);
    client.close();
  }

  close(): void {
    this.#control.close();
    this.#append.close();
    for (const client of this.#clients) client.close();
  }

  #stream(bounds: { count: number; bytes: number }, keptWhileAway: number): PeerStream {
    const { clock, hello, peer } = this.#options;
    return new PeerStream({
      address: peer.address,
      connect: () => this.connect(),
      disconnect: (client) => {
        this.disconnect(client);
      },
      clock,
      memberId: peer.id,
      hello,
      bounds,
      keptWhileAway,
      onReady: () => {
        this.#log('connected', () => {
          this.#options.logger.info('connected to a member', { memberId: peer.id, address: peer.address });
        });
        this.#options.onConnected();
      },
      onLost: (reason, how) => {
        // How a connection breaks differs from try to try, and is the same to whoever reads it.
        this.#log(how === 'refused' ? reason : 'away', () => {
          this.#options.logger.warn('cannot reach a member', { memberId: peer.id, address: peer.address, reason });
        });
        this.#unreachable();
        if (how === 'broken') this.#options.onDisconnected();
      },
      onDropped: () => {
        this.#unreachable();
      },
    });
  }

  #log(state: string, write: () => void): void {
    if (state === this.#state) return;
    this.#state = state;
    write();
  }

  #unreachable(): void {
    const now = this.#options.clock.monotonicMillis();
    if (now - this.#toldAt < unreachableMillis) return;
    this.#toldAt = now;
    this.#options.onUnreachable();
  }
}
