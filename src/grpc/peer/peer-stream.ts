/**
 * One stream of messages to one member: connects, greets, sends in order and in batches, and connects again when it broke.
 * Knows nothing of what messages mean.
 *
 * Invariants: nothing but the greeting is sent before it was answered by the member that is meant; never throws, never blocks;
 * at most {@link writesInFlight} batches are handed to the library at a time, so that what waits, waits in the bounded queue.
 */
import { Metadata, status as Code } from '@grpc/grpc-js';
import type { Client, ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { Message } from '../../cluster/raft-message.ts';
import type { CancelTimer, Clock } from '../../lib/clock.ts';
import { randomFraction } from '../../lib/random.ts';
import { parseHostPort, reachTcp } from '../../lib/tcp-reach.ts';
import { MessagesResponse, PeerService } from '../gen/graveyar/raft/v1/peer.ts';
import { encodeMessages } from './message-writer.ts';
import { OutgoingQueue } from './outgoing-queue.ts';
import type { QueueBounds } from './outgoing-queue.ts';
import { BATCH_BYTES, HELLO_MILLIS, REACH_MILLIS } from './peer-protocol.ts';

/** What a stream is made of, and whom it tells what. */
export interface PeerStreamOptions {
  /** Where the member listens, `host:port`. */
  readonly address: string;
  /** A fresh connection there, not made yet; and the end of one. */
  readonly connect: () => Client;
  readonly disconnect: (client: Client) => void;
  readonly clock: Clock;
  /** The member that must answer. */
  readonly memberId: number;
  /** The serialized first message. */
  readonly hello: () => Buffer;
  readonly bounds: QueueBounds;
  /** How many messages are kept while there is no connection. */
  readonly keptWhileAway: number;
  readonly onReady: () => void;
  /** It could not be established, or broke, or was `refused` by who answered; `reason` is for people. It tries again by itself. */
  readonly onLost: (reason: string, how: LossKind) => void;
  readonly onDropped: () => void;
}

/** What became of a stream: never ready, ready and then broken, or turned away by whoever answered. */
export type LossKind = 'away' | 'broken' | 'refused';

/** One attempt: the stream goes on with one that became ready, until it ends. */
interface Attempt {
  readonly over: AbortController;
  client: Client | null;
  call: Call | null;
}

const identity = (bytes: Buffer): Buffer => bytes;
const writesInFlight = 2;
const firstBackoffMillis = 50;
const longestBackoffMillis = 500;

type Call = ClientDuplexStream<Buffer, Buffer>;

/** The stream. Connects when it is made. */
export class PeerStream {
  readonly #options: PeerStreamOptions;
  readonly #queue: OutgoingQueue;
  readonly #away: OutgoingQueue;
  #attempt: Attempt | null = null;
  #ready = false;
  #closed = false;
  #writing = 0;
  #backoffMillis = firstBackoffMillis;
  #cancelTimer: CancelTimer = () => undefined;

  constructor(options: PeerStreamOptions) {
    this.#options = options;
    this.#queue = new OutgoingQueue(options.bounds);
    this.#away = new OutgoingQueue({ ...options.bounds, count: Math.max(1, options.keptWhileAway) });
    this.#connect();
  }

  /** Takes a message; it is sent at the next {@link flush}. */
  push(message: Message): void {
    if (this.#closed) return;
    if (this.#ready) {
      if (this.#queue.push(message) > 0) this.#options.onDropped();
      return;
    }
    if (this.#options.keptWhileAway === 0 || this.#away.push(message) > 0) this.#options.onDropped();
  }

  /** Sends what waits, as far as the connection takes it. */
  flush(): void {
    while (this.#ready && this.#writing < writesInFlight && this.#queue.size > 0) {
      const attempt = this.#attempt;
      this.#writing++;
      attempt?.call?.write(encodeMessages(this.#queue.take(BATCH_BYTES)), () => {
        if (attempt !== this.#attempt) return;
        this.#writing--;
        this.flush();
      });
    }
  }

  /** Ends the connection and drops what waits. */
  close(): void {
    this.#closed = true;
    this.#forget();
  }

  /**
   * Everything is fresh for each attempt: after a cut link, the library and the system go on with an old one in steps of many
   * seconds. Whether somebody listens is found out first, as only that can be given up.
   */
  #connect(): void {
    if (this.#closed) return;
    const { address, clock } = this.#options;
    const attempt: Attempt = { over: new AbortController(), client: null, call: null };
    this.#attempt = attempt;
    const place = parseHostPort(address);
    const reached = place === null ? Promise.resolve() : reachTcp(place, clock, REACH_MILLIS, attempt.over.signal);
    reached.then(
      () => {
        if (attempt === this.#attempt) this.#greet(attempt);
      },
      (error: unknown) => {
        this.#lost(attempt, error instanceof Error ? error.message : String(error), 'away');
      },
    );
  }

  #greet(attempt: Attempt): void {
    const { clock, connect, hello } = this.#options;
    const client = connect();
    const { path } = PeerService.messages;
    const call = client.makeBidiStreamRequest(path, identity, identity, new Metadata(), {});
    attempt.client = client;
    attempt.call = call;
    call.on('data', (bytes: Buffer) => {
      this.#answered(attempt, bytes);
    });
    call.on('error', (error: ServiceError) => {
      this.#lost(attempt, error.details, error.code === Code.FAILED_PRECONDITION ? 'refused' : this.#lossKind);
    });
    call.on('end', () => {
      this.#lost(attempt, 'the member ended the connection', this.#lossKind);
    });
    call.write(hello());
    this.#cancelTimer = clock.setTimer(HELLO_MILLIS, () => {
      this.#lost(attempt, `the member did not answer within ${HELLO_MILLIS} ms`, 'away');
    });
  }

  get #lossKind(): LossKind {
    return this.#ready ? 'broken' : 'away';
  }

  #answered(attempt: Attempt, bytes: Buffer): void {
    if (attempt !== this.#attempt || this.#ready) return;
    const memberId = memberIdOf(bytes);
    if (memberId !== this.#options.memberId) {
      const who = memberId ?? 'unknown';
      this.#lost(attempt, `member ${who} answered in place of ${this.#options.memberId}`, 'refused');
      return;
    }
    this.#cancelTimer();
    this.#ready = true;
    this.#backoffMillis = firstBackoffMillis;
    for (const { message } of this.#away.take(Infinity)) this.#queue.push(message);
    this.#options.onReady();
    this.flush();
  }

  #lost(attempt: Attempt, reason: string, how: LossKind): void {
    if (attempt !== this.#attempt) return;
    this.#forget();
    const { clock, onLost } = this.#options;
    const millis = this.#backoffMillis * (0.5 + randomFraction() / 2);
    this.#backoffMillis = Math.min(2 * this.#backoffMillis, longestBackoffMillis);
    this.#cancelTimer = clock.setTimer(millis, () => {
      this.#connect();
    });
    onLost(reason, how);
  }

  #forget(): void {
    this.#cancelTimer();
    const attempt = this.#attempt;
    this.#attempt = null;
    this.#ready = false;
    this.#writing = 0;
    this.#queue.clear();
    this.#away.clear();
    if (attempt === null) return;
    attempt.over.abort(new Error('given up'));
    attempt.call?.cancel();
    if (attempt.client !== null) this.#options.disconnect(attempt.client);
  }
}

function memberIdOf(bytes: Buffer): number | null {
  try {
    return MessagesResponse.decode(bytes).memberId;
  } catch {
    return null;
  }
}
