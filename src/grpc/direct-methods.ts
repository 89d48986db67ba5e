/**
 * Binds methods to calls: registers their paths with grpc-js, and intercepts their calls before the library wraps them into
 * streams. Uses only the public interceptor interface (gRPC proposal L112): an interceptor may answer a call by itself.
 */
import { ServerInterceptingCall } from '@grpc/grpc-js';
import type { MethodDefinition, Server, ServerInterceptingCallInterface, ServerInterceptor } from '@grpc/grpc-js';
import { InvariantViolation } from '../lib/assert.ts';
import type { ServerCall } from './server-call.ts';

/** How calls of one method are made. */
export interface DirectMethod {
  /** For example "/graveyar.v1.EventStore/AppendEvent". */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly create: (base: ServerInterceptingCallInterface) => ServerCall;
}

/** An intercepted call: whatever listener the library has for it, ours gets the events. */
class DirectCall extends ServerInterceptingCall {
  readonly #base: ServerInterceptingCallInterface;
  readonly #create: DirectMethod['create'];

  constructor(base: ServerInterceptingCallInterface, create: DirectMethod['create']) {
    super(base);
    this.#base = base;
    this.#create = create;
  }

  override start(): void {
    this.#base.start(this.#create(this.#base));
  }
}

/** The interceptor for the methods. Calls of other methods take the library's way. */
export function directInterceptor(methods: readonly DirectMethod[]): ServerInterceptor {
  const byPath = new Map(methods.map((method) => [method.path, method.create]));
  return (definition, base) => {
    const create = byPath.get(definition.path);
    return create === undefined ? new ServerInterceptingCall(base) : new DirectCall(base, create);
  };
}

const identity = (bytes: Buffer): Buffer => bytes;

/** Makes the server know the methods' paths. */
export function registerDirectMethods(server: Server, methods: readonly DirectMethod[]): void {
  const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  const handlers: Record<string, () => never> = {};
  for (const { path, requestStream, responseStream } of methods) {
    definition[path] = {
      path,
      requestStream,
      responseStream,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    };
    handlers[path] = () => {
      throw new InvariantViolation(`${path} has not been intercepted`);
    };
  }
  server.addService(definition, handlers);
}
