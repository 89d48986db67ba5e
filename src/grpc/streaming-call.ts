/**
 * Calls with one request and a stream of answers. Answers are pulled: at most one is being sent while the next is being made,
 * so that a slow reader costs bounded memory.
 */
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { StoreError } from '../domain/errors.ts';
import { invalidArgument } from '../domain/validate-text.ts';
import type { CallContext } from './call-context.ts';
import { ServerCall } from './server-call.ts';

/** What a streaming method does. */
export interface StreamingMethod<Request, Message> {
  /** Decodes and validates. Throws StoreError. */
  readonly read: (message: Uint8Array) => Request;
  /** Pulled one message at a time. Rejects with the signal's reason when it is aborted. */
  readonly run: (request: Request, signal: AbortSignal) => AsyncIterable<Message>;
  readonly encode: (message: Message) => Uint8Array;
  /** True for a call that goes on until somebody ends it: it is ended when the server stops. */
  readonly endless: boolean;
}

/** One call of a streaming method. */
export class StreamingCall<Request, Message> extends ServerCall {
  readonly #definition: StreamingMethod<Request, Message>;

  constructor(
    base: ServerInterceptingCallInterface,
    context: CallContext,
    method: string,
    definition: StreamingMethod<Request, Message>,
  ) {
    super(base, context, method, context.clock.monotonicMillis());
    this.#definition = definition;
    context.add(this);
  }

  onReceiveMessage(message: Uint8Array): void {
    try {
      const request = this.#definition.read(message);
      void this.#pump(request);
    } catch (error) {
      this.fail(error);
    }
  }

  onReceiveHalfClose(): void {
    this.fail(invalidArgument('request', 'is missing'));
  }

  drain(): void {
    if (!this.#definition.endless) return;
    this.fail(new StoreError('NOT_SERVING', 'the server is stopping', { reason: 'the server is stopping' }));
  }

  /** Never rejects. */
  async #pump(request: Request): Promise<void> {
    try {
      let flushed = Promise.resolve();
      for await (const message of this.#definition.run(request, this.signal)) {
        await flushed;
        if (this.ended) return;
        flushed = this.sendFlushed(this.#definition.encode(message));
      }
      await flushed;
      this.succeed();
    } catch (error) {
      this.fail(error);
    }
  }
}
