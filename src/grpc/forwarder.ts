/**
 * Passes calls that only the leader may answer on to it, as the bytes they are: one hop, within the caller's deadline. While no
 * leader is known it waits a bounded time. Knows nothing of what the calls mean.
 *
 * Invariants: a call that was passed on to this member is never passed on again; one that must not be repeated is sent again only
 * when nothing was done.
 */
import { status as Code } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import type { ClusterAdmin, LeaderHint } from '../cluster/cluster-admin.ts';
import { notLeader } from '../cluster/not-leader.ts';
import { StoreError, isStoreError } from '../domain/errors.ts';
import { delay } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { randomFraction } from '../lib/random.ts';
import type { CallFacts } from './call-facts.ts';
import type { LeaderConnections, RawDuplex } from './leader-connections.ts';
import { PassedOnFailure } from './status.ts';
import { infoOf } from './store-error.ts';

/** What it has to know of leaders. */
export type Leaders = Pick<ClusterAdmin, 'leader' | 'waitForLeader'>;

/** A call to be passed on. */
export interface ForwardedCall<T> {
  readonly path: string;
  readonly message: Uint8Array;
  readonly facts: CallFacts;
  /** Sending it twice does no harm: it may be sent again when its outcome is unknown. */
  readonly repeatable: boolean;
  /** Does it here, when this member turns out to lead. */
  readonly local: () => Promise<T>;
}

/**
 * How long a call that only the leader may answer waits where no leader is known. Most elections are over by then, and who waits hears of
 * the new leader at once; who asked a member that is cut off loses no more than this.
 */
const refusalMillis = 500;
/** How long a call may look for a leader, when its deadline leaves as much. More than an election takes. */
const searchMillis = 10_000;
/** How long connecting to a leader may take. One that went silent has a successor soon after. */
const connectMillis = 1_500;
const shortestPauseMillis = 25;
const longestPauseMillis = 250;

/** Shared by the calls of a server. */
export class Forwarder {
  readonly #leaders: Leaders;
  readonly #connections: LeaderConnections;
  readonly #clock: Clock;

  constructor(leaders: Leaders, connections: LeaderConnections, clock: Clock) {
    this.#leaders = leaders;
    this.#connections = connections;
    this.#clock = clock;
  }

  /** Whether this member leads, so that nothing has to be passed on. Cheap. */
  get leads(): boolean {
    return this.#leaders.leader().self;
  }

  /**
   * The answer's bytes, or what `local` gives. Rejects with NOT_LEADER when no leader was found in time, with the leader's
   * answer as a PassedOnFailure, with OUTCOME_UNKNOWN, or with the signal's reason.
   */
  async forward<T>(call: ForwardedCall<T>, signal: AbortSignal): Promise<Buffer | T> {
    if (!mayPassOn(call.facts)) return this.#here(call, signal);
    const until = Math.min(this.#now() + searchMillis, call.facts.deadline);
    for (let pause = shortestPauseMillis; ; pause = Math.min(2 * pause, longestPauseMillis)) {
      const leader = await this.#leader(until, signal);
      try {
        if (leader.self) return await call.local();
        const { path, message, facts } = call;
        if (leader.endpoint !== null && (await this.#reaches(leader.endpoint, until))) {
          return await this.#connections.unary(leader.endpoint, path, message, facts.deadline, signal);
        }
      } catch (error) {
        signal.throwIfAborted();
        if (this.#now() + pause >= until || !mayTryAgain(error, call.repeatable)) throw asFailure(error);
      }
      if (this.#now() + pause >= until) throw notLeader(this.#leaders.leader());
      await delay(this.#clock, pause * (0.5 + randomFraction() / 2), signal);
    }
  }

  /** A bidirectional call to the leader. Rejects with NOT_LEADER when none was found in time. */
  async duplex(path: string, facts: CallFacts, signal: AbortSignal): Promise<RawDuplex> {
    const passesOn = mayPassOn(facts);
    const millis = passesOn ? searchMillis : refusalMillis;
    const until = Math.min(this.#now() + millis, facts.deadline);
    const leader = await this.#leader(until, signal);
    if (!passesOn || leader.endpoint === null || !(await this.#reaches(leader.endpoint, until)))
      throw notLeader(leader);
    return this.#connections.duplex(leader.endpoint, path, facts.deadline);
  }

  /** Closes the connections. */
  close(): void {
    this.#connections.close();
  }

  #reaches(endpoint: string, until: number): Promise<boolean> {
    return this.#connections.ready(endpoint, Math.min(this.#now() + connectMillis, until));
  }

  /** A call that is not to be passed on: done here when this member has come to lead, else refused with the leader's address. */
  async #here<T>({ facts, local }: ForwardedCall<T>, signal: AbortSignal): Promise<T> {
    const leader = await this.#leader(Math.min(this.#now() + refusalMillis, facts.deadline), signal);
    if (!leader.self) throw notLeader(leader);
    return local();
  }

  async #leader(until: number, signal: AbortSignal): Promise<LeaderHint> {
    const now = this.#leaders.leader();
    if (now.self) return now;
    const millis = Math.max(0, until - this.#now());
    const late = (): StoreError => notLeader(this.#leaders.leader());
    return withDeadline(this.#clock, millis, signal, late, (own) => this.#leaders.waitForLeader(own));
  }

  #now(): number {
    return this.#clock.nowMicros() / 1000;
  }
}

function mayPassOn({ requiresLeader, forwarded }: CallFacts): boolean {
  return !requiresLeader && !forwarded;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'metadata' in error && 'details' in error;
}

function mayTryAgain(error: unknown, repeatable: boolean): boolean {
  if (isStoreError(error)) return error.is('NOT_LEADER') || (repeatable && error.is('OUTCOME_UNKNOWN'));
  if (!isServiceError(error)) return false;
  const code = infoOf(error)?.code;
  if (code === 'NOT_LEADER' || code === 'NOT_SERVING') return true;
  if (code === undefined || code === 'OUTCOME_UNKNOWN') return repeatable && error.code === Code.UNAVAILABLE;
  return false;
}

/** What the caller gets: the leader's own words, or that it is not known what became of the call. */
export function asFailure(error: unknown): unknown {
  if (!isServiceError(error)) return error;
  const [status] = error.metadata.get('grpc-status-details-bin');
  if (status instanceof Uint8Array) {
    return new PassedOnFailure({ code: error.code, message: error.details, status });
  }
  const reason = `the leader did not answer: ${error.details}`;
  if (error.code === Code.DEADLINE_EXCEEDED) return new StoreError('DEADLINE_EXCEEDED', reason, { reason });
  return new StoreError('OUTCOME_UNKNOWN', reason, { reason });
}
