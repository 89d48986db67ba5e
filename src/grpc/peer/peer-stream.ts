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
import { MessagesResponse, PeerService } from '../gen/graveyar/raft/v1/peer.ts';
import { encodeMessages } from './message-writer.ts';
import { OutgoingQueue } from './outgoing-queue.ts';
import type { QueueBounds } from './outgoing-queue.ts';
import { BATCH_BYTES, HELLO_MILLIS } from './peer-protocol.ts';

/** What a stream is made of, and whom it tells what. */
export interface PeerStreamOptions {
  readonly client: Client;
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
  readonly onLost: (reason: string, refused: boolean) => void;
  readonly onDropped: () => void;
}

const identity = (bytes: Buffer): Buffer => bytes;
const writesInFlight = 2;
const firstBackoffMillis = 50;
const longestBackoffMillis = 1_000;

type Call = ClientDuplexStream<Buffer, Buffer>;

/** The stream. Connects when it is made. */
export class PeerStream {
  readonly #options: PeerStreamOptions;
  readonly #queue: OutgoingQueue;
  readonly #away: OutgoingQueue;
  #call: Call | null = null;
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
    while (this.#ready && this.#call !== null && this.#writing < writesInFlight && this.#queue.size > 0) {
      const call = this.#call;
      this.#writing++;
      call.write(encodeMessages(this.#queue.take(BATCH_BYTES)), () => {
        if (call !== this.#call) return;
        this.#writing--;
        this.flush();
      });
    }
  }

  /** Ends the connection and drops what waits. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    const call = this.#call;
    this.#forget();
    call?.cancel();
  }

  #connect(): void {
    if (this.#closed) return;
    const { client, clock, hello } = this.#options;
    const { path } = PeerService.messages;
    const call = client.makeBidiStreamRequest(path, identity, identity, new Metadata(), {});
    this.#call = call;
    call.on('data', (bytes: Buffer) => {
      this.#answered(call, bytes);
    });
    call.on('error', (error: ServiceError) => {
      this.#lost(call, error.details, error.code === Code.FAILED_PRECONDITION);
    });
    call.on('end', () => {
      this.#lost(call, 'the member ended the connection');
    });
    call.write(hello());
    this.#cancelTimer = clock.setTimer(HELLO_MILLIS, () => {
      this.#lost(call, `the member did not answer within ${HELLO_MILLIS} ms`);
    });
  }

  #answered(call: Call, bytes: Buffer): void {
    if (call !== this.#call || this.#ready) return;
    const memberId = memberIdOf(bytes);
    if (memberId !== this.#options.memberId) {
      this.#lost(call, `member ${memberId ?? 'unknown'} answered in place of ${this.#options.memberId}`, true);
      return;
    }
    this.#cancelTimer();
    this.#ready = true;
    this.#backoffMillis = firstBackoffMillis;
    for (const { message } of this.#away.take(Infinity)) this.#queue.push(message);
    this.#options.onReady();
    this.flush();
  }

  #lost(call: Call, reason: string, refused = false): void {
    if (call !== this.#call) return;
    this.#cancelTimer();
    this.#forget();
    call.cancel();
    const { clock, onLost } = this.#options;
    const millis = this.#backoffMillis * (0.5 + randomFraction() / 2);
    this.#backoffMillis = Math.min(2 * this.#backoffMillis, longestBackoffMillis);
    this.#cancelTimer = clock.setTimer(millis, () => {
      this.#connect();
    });
    onLost(reason, refused);
  }

  #forget(): void {
    this.#call = null;
    this.#ready = false;
    this.#writing = 0;
    this.#queue.clear();
    this.#away.clear();
  }
}

function memberIdOf(bytes: Buffer): number | null {
  try {
    return MessagesResponse.decode(bytes).memberId;
  } catch {
    return null;
  }
}
