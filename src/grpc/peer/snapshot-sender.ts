/**
 * Sends one snapshot to one member: asks how far it is, streams what it lacks, waits until it has completed. As many bytes as
 * the window allows are on the way; a transfer that does not move is given up.
 */
import { Metadata } from '@grpc/grpc-js';
import type { Client, ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { Message } from '../../cluster/raft-message.ts';
import type { SnapshotChunk, SnapshotSource } from '../../cluster/transport.ts';
import { StoreError } from '../../domain/errors.ts';
import { invalidArgument } from '../../domain/validate-text.ts';
import type { CancelTimer, Clock } from '../../lib/clock.ts';
import { RaftMessage } from '../gen/graveyar/raft/v1/message.ts';
import { InstallSnapshotRequest, InstallSnapshotResponse, PeerService } from '../gen/graveyar/raft/v1/peer.ts';
import type { Hello } from '../gen/graveyar/raft/v1/peer.ts';
import { asBuffer } from '../request-reader.ts';
import { storeErrorOf } from '../store-error.ts';
import { encodeMessages } from './message-writer.ts';
import { messageSize } from './message-writer.ts';
import { SNAPSHOT_STALL_MILLIS, SNAPSHOT_WINDOW_BYTES } from './peer-protocol.ts';

const identity = (bytes: Buffer): Buffer => bytes;

/** A chunk that was sent and not yet confirmed. */
interface OnTheWay {
  readonly end: number;
  readonly bytes: number;
}

/** One transfer. Use it once. */
export class SnapshotSender {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #clock: Clock;
  readonly #onTheWay: OnTheWay[] = [];
  #bytes = 0;
  /** How far the receiver is; null before it said so. */
  #next: number | null = null;
  #done = false;
  #failure: Error | null = null;
  #wake: () => void = () => undefined;
  #cancelTimer: CancelTimer = () => undefined;

  constructor(client: Client, clock: Clock) {
    this.#clock = clock;
    this.#call = client.makeBidiStreamRequest(PeerService.installSnapshot.path, identity, identity, new Metadata(), {});
    this.#call.on('data', (bytes: Buffer) => {
      this.#answered(bytes);
    });
    this.#call.on('error', (error: ServiceError) => {
      this.#fail(storeErrorOf(error));
    });
    this.#call.on('end', () => {
      if (!this.#done) this.#fail(notServing('the member ended the transfer'));
    });
  }

  /** Resolves when the receiver has completed. Rejects with a StoreError, the source's error, or the signal's reason. */
  async send(hello: Hello, message: Message, source: SnapshotSource, signal: AbortSignal): Promise<void> {
    const abort = (): void => {
      this.#fail(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      this.#watchProgress();
      this.#write({ $case: 'begin', begin: { hello, message: wireMessage(message) } });
      await this.#until(() => this.#next !== null);
      for await (const chunk of source.chunksFrom(this.#next ?? 0)) {
        await this.#until(() => this.#bytes < SNAPSHOT_WINDOW_BYTES);
        this.#sendChunk(chunk);
      }
      this.#write({ $case: 'end', end: {} });
      await this.#until(() => this.#done);
    } finally {
      signal.removeEventListener('abort', abort);
      this.#cancelTimer();
      this.#call.on('error', () => undefined);
      if (this.#done) this.#call.end();
      else this.#call.cancel();
    }
  }

  #sendChunk({ firstPosition, endPosition, bytes, crc }: SnapshotChunk): void {
    this.#onTheWay.push({ end: endPosition, bytes: bytes.length });
    this.#bytes += bytes.length;
    this.#write({ $case: 'chunk', chunk: { firstPosition, endPosition, crc, group: asBuffer(bytes) } });
  }

  #write(step: NonNullable<InstallSnapshotRequest['step']>): void {
    this.#call.write(asBuffer(InstallSnapshotRequest.encode({ step }).finish()));
  }

  #answered(bytes: Buffer): void {
    try {
      const { nextPosition, done } = InstallSnapshotResponse.decode(bytes);
      this.#next = nextPosition;
      this.#done = done;
      for (let first = this.#onTheWay[0]; first !== undefined && first.end <= nextPosition; first = this.#onTheWay[0]) {
        this.#bytes -= first.bytes;
        this.#onTheWay.shift();
      }
      this.#watchProgress();
      this.#wake();
    } catch {
      this.#fail(invalidArgument('response', 'cannot be read'));
    }
  }

  #watchProgress(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.setTimer(SNAPSHOT_STALL_MILLIS, () => {
      this.#fail(notServing(`the transfer has not moved for ${SNAPSHOT_STALL_MILLIS} ms`));
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  async #until(condition: () => boolean): Promise<void> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      if (condition()) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function notServing(reason: string): StoreError {
  return new StoreError('NOT_SERVING', reason, { reason });
}

/** As the generated code has it. A snapshot is rare, so that a detour over the bytes costs nothing. */
function wireMessage(message: Message): RaftMessage {
  const size = messageSize(message);
  const batch = encodeMessages([{ message, size }]);
  return RaftMessage.decode(batch.subarray(batch.length - size));
}
