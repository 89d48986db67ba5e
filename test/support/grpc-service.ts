/**
 * A real server on a free port, over a real pipeline on the store in memory, for tests that talk to it from outside.
 */
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { GraveyarClient } from '../../src/client/index.ts';
import type { ClientOptions } from '../../src/client/index.ts';
import { createGrpcServer } from '../../src/grpc/grpc-server.ts';
import type { GrpcServer, GrpcServerOptions } from '../../src/grpc/grpc-server.ts';
import { ErrorInfo } from '../../src/grpc/gen/graveyar/v1/errors.ts';
import { Status } from '../../src/grpc/gen/google/rpc/status.ts';
import type { InvariantViolation } from '../../src/lib/assert.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createPipeline } from '../../src/pipeline/create-pipeline.ts';
import type { EventPipeline } from '../../src/pipeline/event-pipeline.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import type { Logger, LogFields } from '../../src/telemetry/logger.ts';

/** A line that the server logged as an error. */
export interface LoggedError {
  readonly message: string;
  readonly fields: LogFields;
}

/** A running server and what it is made of. */
export interface GrpcService {
  readonly server: GrpcServer;
  readonly pipeline: EventPipeline;
  /** `host:port`. */
  readonly address: string;
  readonly port: number;
  readonly errors: LoggedError[];
  readonly fatal: InvariantViolation[];
  /** A client of it, closed with it. */
  readonly client: (options?: ClientOptions) => GraveyarClient;
  /** A client that sends bytes, closed with it. */
  readonly raw: () => RawClient;
  readonly stop: () => Promise<void>;
}

/** Starts a server. `options` replace the usual parts. */
export async function startService(options: Partial<GrpcServerOptions> = {}): Promise<GrpcService> {
  const pipeline = options.pipeline ?? createPipeline(await MemoryStore.open());
  const errors: LoggedError[] = [];
  const fatal: InvariantViolation[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (message, fields = {}) => {
      errors.push({ message, fields });
    },
  };
  const server = createGrpcServer({
    pipeline,
    logger,
    clock: systemClock,
    host: '127.0.0.1',
    port: 0,
    onFatal: (error) => {
      fatal.push(error);
    },
    ...options,
  });
  const { port } = await server.start();
  const address = `127.0.0.1:${port}`;
  const close: (() => void)[] = [];
  return {
    server,
    pipeline,
    address,
    port,
    errors,
    fatal,
    client(clientOptions) {
      const client = new GraveyarClient(address, clientOptions);
      close.push(() => client.close());
      return client;
    },
    raw() {
      const client = new RawClient(address);
      close.push(() => client.close());
      return client;
    },
    async stop() {
      for (const each of close) each();
      await server.stop(2_000);
      if (options.pipeline === undefined) await pipeline.stop();
    },
  };
}

const identity = (bytes: Buffer): Buffer => bytes;

/** A failed call as a foreign client sees it. */
export interface RawFailure {
  readonly code: number;
  readonly details: string;
  /** The details of the status, null when there are none. */
  readonly info: ErrorInfo | null;
}

/** Sends and receives message bytes, well-formed or not, through the plain library. */
export class RawClient {
  readonly client: Client;

  constructor(address: string) {
    this.client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.enable_retries': 0,
    });
  }

  /** The answer's bytes, or how the call failed. `method` is for example "AppendEvent". */
  unary(method: string, request: Uint8Array, options: { deadline?: number } = {}): Promise<Buffer | RawFailure> {
    return new Promise((resolve) => {
      const bytes = Buffer.from(request);
      this.client.makeUnaryRequest(
        path(method),
        identity,
        identity,
        bytes,
        new Metadata(),
        options,
        (error, answer) => {
          resolve(error === null ? (answer ?? Buffer.alloc(0)) : failure(error));
        },
      );
    });
  }

  /** How a call fails. Throws when it does not. */
  async failure(method: string, request: Uint8Array): Promise<RawFailure> {
    const answer = await this.unary(method, request);
    if (Buffer.isBuffer(answer)) throw new Error(`${method} was expected to fail`);
    return answer;
  }

  /** The answers of a streaming call, or how it failed. */
  streaming(method: string, request: Uint8Array): Promise<Buffer[] | RawFailure> {
    return new Promise((resolve) => {
      const answers: Buffer[] = [];
      const call = this.client.makeServerStreamRequest(path(method), identity, identity, Buffer.from(request));
      call.on('data', (answer: Buffer) => answers.push(answer));
      call.on('error', (error: ServiceError) => resolve(failure(error)));
      call.on('end', () => resolve(answers));
    });
  }

  close(): void {
    this.client.close();
  }
}

function path(method: string): string {
  return method.includes('/') ? `/${method}` : `/graveyar.v1.EventStore/${method}`;
}

/** The failure of a call as the plain library tells it. */
export function failure(error: ServiceError): RawFailure {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const value = bytes instanceof Buffer ? Status.decode(bytes).details[0]?.value : undefined;
  return { code: error.code, details: error.details, info: value === undefined ? null : ErrorInfo.decode(value) };
}
