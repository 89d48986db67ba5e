/**
 * A session at a member that does not lead: its messages pass through to the leader and back, undecoded and in order, one at a
 * time in either direction, so that back-pressure passes through as well. When the leader is lost the session ends (UNAVAILABLE),
 * and its client begins another; event ids make that safe.
 */
import type { ServerInterceptingCallInterface, Metadata } from '@grpc/grpc-js';
import { StoreError } from '../domain/errors.ts';
import type { CallContext } from './call-context.ts';
import { asFailure } from './forwarder.ts';
import type { Forwarder } from './forwarder.ts';
import type { RawDuplex } from './leader-connections.ts';
import { asBuffer } from './request-reader.ts';
import { ServerCall } from './server-call.ts';

/** One relayed session. */
export class SessionRelay extends ServerCall {
  readonly #forwarder: Forwarder;
  readonly #path: string;
  #upstream: RawDuplex | null = null;
  #draining = false;
  #halfClosed = false;

  constructor(
    base: ServerInterceptingCallInterface,
    context: CallContext,
    method: string,
    path: string,
    forwarder: Forwarder,
  ) {
    super(base, context, method, context.clock.monotonicMillis());
    this.#path = path;
    this.#forwarder = forwarder;
    context.add(this);
  }

  override onReceiveMetadata(metadata: Metadata): void {
    this.keepMetadata(metadata);
    this.#forwarder.duplex(this.#path, this, this.signal).then(
      (upstream) => {
        this.#begin(upstream);
      },
      (error: unknown) => {
        this.fail(error);
      },
    );
  }

  onReceiveMessage(message: Uint8Array): void {
    const upstream = this.#upstream;
    if (this.ended || upstream === null) return;
    upstream.write(asBuffer(message), () => {
      if (!this.ended) this.readMore();
    });
  }

  onReceiveHalfClose(): void {
    this.#halfClosed = true;
    this.#upstream?.end();
  }

  override onCancel(): void {
    super.onCancel();
    this.#upstream?.cancel();
  }

  drain(): void {
    this.#draining = true;
    if (this.#upstream === null) this.#endDrained();
    else this.#upstream.end();
  }

  #begin(upstream: RawDuplex): void {
    upstream.on('error', (error) => {
      this.fail(asFailure(error));
    });
    if (this.ended) {
      upstream.cancel();
      return;
    }
    this.#upstream = upstream;
    if (this.#halfClosed) upstream.end();
    void this.#answer(upstream);
    this.readMore();
  }

  /** Never rejects: an error of the upstream has its own listener. */
  async #answer(upstream: RawDuplex): Promise<void> {
    try {
      for await (const message of upstream) await this.sendFlushed(message as Buffer);
    } catch (error) {
      this.fail(asFailure(error));
      return;
    }
    if (this.#draining) this.#endDrained();
    else this.succeed();
  }

  #endDrained(): void {
    this.fail(new StoreError('NOT_SERVING', 'the server is stopping', { reason: 'the server is stopping' }));
  }
}
