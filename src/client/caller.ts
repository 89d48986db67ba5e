/**
 * Making calls: to the current endpoint, with deadline and abort, and unary ones again when that is safe. Messages are bytes
 * here. Knows nothing of what they mean.
 *
 * Invariant: a call is tried again only after an error that says it may be (see {@link GraveyarError.retryable}), and never
 * after its deadline.
 */
import { Metadata } from '@grpc/grpc-js';
import type { Client, ClientDuplexStream } from '@grpc/grpc-js';
import { ClusterService, ListMembersResponse } from '../grpc/gen/graveyar/v1/cluster.ts';
import type { CallOptions, ClientSettings } from './client-options.ts';
import type { Endpoints, Purpose } from './endpoints.ts';
import { connectFailure, deadlinePassed, NotConnected, silence } from './connect-failure.ts';
import type { Connection } from './connection.ts';
import { errorFromCall } from './error-from-status.ts';
import { DeadlineExceededError, GraveyarError, NotLeaderError } from './errors.ts';
import { Backoff, pause } from './retry.ts';
import { keepProcessAlive } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';

/** Asks a member that does not lead to name the leader instead of passing the call on, which costs a hop. */
const REQUIRE_LEADER = 'graveyar-require-leader';

/** How long an answer to who the members are is waited for. */
const learnMillis = 5_000;

/** An attempt ends by itself before that. */
const longestConnectMillis = 60_000;

const identity = (bytes: Buffer): Buffer => bytes;
const nothing = (): void => undefined;

/** True when the member that was asked has said where the leader is. */
export function isRedirect(error: unknown): boolean {
  return error instanceof NotLeaderError && error.endpoint !== null;
}

/** A bidirectional call that is going on. */
export type DuplexCall = ClientDuplexStream<Buffer, Buffer>;

/** A bidirectional call, and what turns its error into ours. */
export interface OpenedCall {
  readonly call: DuplexCall;
  readonly failed: (error: unknown) => Error;
}

/** Makes the calls of one client. */
export class Caller {
  readonly settings: ClientSettings;
  readonly #endpoints: Endpoints;

  constructor(endpoints: Endpoints, settings: ClientSettings) {
    this.#endpoints = endpoints;
    this.settings = settings;
  }

  /** The answer of a unary call. Rejects with a GraveyarError, or with the signal's reason. */
  async unary<T>(
    path: string,
    request: Uint8Array,
    decode: (answer: Uint8Array) => T,
    options: CallOptions,
    purpose: Purpose = 'read',
  ): Promise<T> {
    const { signal, deadlineMillis = this.settings.deadlineMillis } = options;
    const deadline = this.#now() + deadlineMillis;
    let backoff: Backoff | null = null;
    let redirected = false;
    let refusal: Error | null = null;
    for (;;) {
      signal?.throwIfAborted();
      const connection = this.#endpoints.next(purpose);
      try {
        const client = connection.ready ?? (await this.#connected(connection, deadline, signal));
        const answer = await once(client, path, request, this.#metadata(purpose), deadline, signal);
        this.#answered(connection, client);
        return decode(answer);
      } catch (error) {
        signal?.throwIfAborted();
        const failure = this.#failed(connection, error);
        if (!this.mayTryAgain(failure)) throw afterRefusal(failure, refusal);
        // Who was not reached said nothing.
        if (!hasCode(failure, 'UNAVAILABLE')) refusal = failure;
        // Who was sent to the leader goes there at once; sent on again, two members may disagree for a while.
        if (isRedirect(failure) && !redirected && this.#now() < deadline) {
          redirected = true;
          continue;
        }
        redirected = false;
        backoff ??= new Backoff(this.settings);
        const millis = backoff.next();
        if (this.#now() + millis >= deadline) throw failure;
        await pause(this.settings.clock, millis, signal);
      }
    }
  }

  /**
   * The answers of a server-streaming call, made once. Pulled: what is not asked for is held back at the server, but for a few
   * messages. Rejects like {@link unary}; ending the iteration cancels the call. A signal whose reason is a DeadlineExceededError
   * says that the member was too slow.
   */
  async *stream(path: string, request: Uint8Array, options: CallOptions): AsyncGenerator<Buffer, void, undefined> {
    const { signal, deadlineMillis } = options;
    signal?.throwIfAborted();
    const connection = this.#endpoints.next('read');
    const deadline = deadlineMillis === undefined ? Infinity : this.#now() + deadlineMillis;
    const client = connection.ready ?? (await this.#connectedOrFailed(connection, deadline, signal));
    const limit = deadlineMillis === undefined ? {} : { deadline };
    const call = client.makeServerStreamRequest(path, identity, identity, asBuffer(request), new Metadata(), limit);
    // Cancelling makes the call fail once more, when nobody listens any longer.
    call.on('error', nothing);
    const cancel = (): void => {
      call.cancel();
    };
    signal?.addEventListener('abort', cancel, { once: true });
    let isAnswered = false;
    try {
      for await (const message of call) {
        isAnswered = true;
        this.#answered(connection, client);
        yield message as Buffer;
      }
    } catch (error) {
      if (!isAnswered) this.#blame(connection, signal);
      signal?.throwIfAborted();
      throw this.#failed(connection, error);
    } finally {
      signal?.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  /**
   * A bidirectional call to the leader, made once there is a connection. `failed` turns the call's error into ours, and chooses the
   * next endpoint. Rejects when there is no connection.
   */
  async duplex(path: string): Promise<OpenedCall> {
    const connection = this.#endpoints.next('append');
    const client = connection.ready ?? (await this.#connectedOrFailed(connection, Infinity, undefined));
    const call = client.makeBidiStreamRequest(path, identity, identity, this.#metadata('append'), {});
    call.once('data', () => {
      this.#answered(connection, client);
    });
    return { call, failed: (error) => this.#failed(connection, error) };
  }

  /** True for an error after which the same call may be made again, with a chance that it succeeds. */
  mayTryAgain(error: unknown): boolean {
    return error instanceof GraveyarError && error.retryable && !this.#endpoints.givenUp;
  }

  #answered(connection: Connection, client: Client): void {
    this.#endpoints.answered(connection);
    if (this.#endpoints.takeLearning()) void this.#learn(client);
  }

  /** Asks who the members are. Never rejects: a server that cannot tell is as good as one that is alone. */
  async #learn(client: Client): Promise<void> {
    const { path } = ClusterService.listMembers;
    try {
      const request = new Uint8Array(0);
      const answer = await once(client, path, request, new Metadata(), this.#now() + learnMillis, undefined);
      this.#endpoints.learn(ListMembersResponse.decode(answer).members.map(({ clientAddress }) => clientAddress));
    } catch {
      // It is asked for again later.
    }
  }

  /** What the caller gets. Chooses the next endpoint. */
  #failed(connection: Connection, error: unknown): Error {
    const failure = errorFromCall(error);
    const reason = connectFailure(error);
    if (reason !== null) return this.#endpoints.unreachable(connection, reason, failure);
    // Our own deadline may pass without a word from anybody; all else has come over a connection.
    if (failure instanceof DeadlineExceededError && deadlinePassed(error)) {
      this.#endpoints.failed(connection, failure);
      return new DeadlineExceededError(`no answer from ${connection.address} within the deadline`, false, {
        cause: error,
      });
    }
    this.#endpoints.answered(connection);
    this.#endpoints.failed(connection, failure);
    return failure;
  }

  /** What to make calls with, once there is a connection. Rejects with NotConnected, or as the call would. */
  async #connected(connection: Connection, deadline: number, signal: AbortSignal | undefined): Promise<Client> {
    const release = keepProcessAlive();
    const cause = new NotConnected(silence);
    const late = (): Error => new DeadlineExceededError('no connection within the deadline', false, { cause });
    const never = signal ?? new AbortController().signal;
    try {
      const millis = Math.max(0, Math.min(deadline - this.#now(), longestConnectMillis));
      return await withDeadline(this.settings.clock, millis, never, late, () => connection.open());
    } finally {
      release();
    }
  }

  async #connectedOrFailed(connection: Connection, deadline: number, signal: AbortSignal | undefined): Promise<Client> {
    try {
      return await this.#connected(connection, deadline, signal);
    } catch (error) {
      this.#blame(connection, signal);
      signal?.throwIfAborted();
      throw this.#failed(connection, error);
    }
  }

  /** A caller that ran out of time before it heard a word from there: others may be quicker. */
  #blame(connection: Connection, signal: AbortSignal | undefined): void {
    const reason: unknown = signal?.reason;
    if (reason instanceof DeadlineExceededError) this.#endpoints.failed(connection, reason);
  }

  #metadata(purpose: Purpose): Metadata {
    const metadata = new Metadata();
    if (purpose === 'append' && this.#endpoints.requiresLeader) metadata.set(REQUIRE_LEADER, 'true');
    return metadata;
  }

  #now(): number {
    return this.settings.clock.nowMicros() / 1000;
  }
}

function hasCode(error: Error, code: string): boolean {
  return error instanceof GraveyarError && error.code === code;
}

/** A call whose time was over, told with what was said before: that is the reason. The call itself may have taken effect. */
function afterRefusal(failure: Error, refusal: Error | null): Error {
  if (refusal === null || !(failure instanceof DeadlineExceededError)) return failure;
  const message = `${failure.message}; the answer before: ${refusal.message}`;
  return new DeadlineExceededError(message, failure.retryable, { cause: failure.cause });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function once(
  client: Client,
  path: string,
  request: Uint8Array,
  metadata: Metadata,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => {
      call.cancel();
    };
    const call = client.makeUnaryRequest(
      path,
      identity,
      identity,
      asBuffer(request),
      metadata,
      { deadline },
      (error, answer) => {
        signal?.removeEventListener('abort', cancel);
        if (error !== null) reject(error);
        else if (answer !== undefined) resolve(answer);
      },
    );
    signal?.addEventListener('abort', cancel, { once: true });
  });
}
