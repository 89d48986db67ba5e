/**
 * Calls with one request and one answer.
 */
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { invalidArgument } from '../domain/validate-text.ts';
import type { CallContext } from './call-context.ts';
import type { CallFacts } from './call-facts.ts';
import { ServerCall } from './server-call.ts';

/** What a unary method does: validated request in, encoded answer out. */
export interface UnaryMethod<Request, Response> {
  /** Decodes and validates. Throws StoreError. */
  readonly read: (message: Uint8Array) => Request;
  readonly run: (request: Request, signal: AbortSignal, call: CallFacts) => Promise<Response>;
  readonly encode: (response: Response) => Uint8Array;
}

const nothing = (): void => undefined;

/** One call of a unary method. */
export class UnaryCall<Request, Response> extends ServerCall {
  override readonly expiresAt: number;
  readonly #definition: UnaryMethod<Request, Response>;

  constructor(
    base: ServerInterceptingCallInterface,
    context: CallContext,
    method: string,
    definition: UnaryMethod<Request, Response>,
  ) {
    const now = context.clock.monotonicMillis();
    super(base, context, method, now);
    this.#definition = definition;
    this.expiresAt = now + context.maxUnaryMillis;
    context.add(this);
  }

  /** Begins at once: the request is complete, and waiting for the half-close would take another turn of the event loop. */
  onReceiveMessage(message: Uint8Array): void {
    try {
      const request = this.#definition.read(message);
      this.#definition.run(request, this.signal, this).then(this.#answer, this.#refuse);
    } catch (error) {
      this.fail(error);
    }
  }

  onReceiveHalfClose(): void {
    this.fail(invalidArgument('request', 'is missing'));
  }

  drain(): void {
    // It ends by itself within its deadline.
  }

  readonly #answer = (response: Response): void => {
    if (this.ended) return;
    try {
      this.send(this.#definition.encode(response), nothing);
      this.succeed();
    } catch (error) {
      this.fail(error);
    }
  };

  readonly #refuse = (error: unknown): void => {
    this.fail(error);
  };
}
