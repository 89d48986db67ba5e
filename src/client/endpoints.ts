/**
 * The addresses of a store's members, and which one to call next. Appends go to one, until it fails; then to the next, in a
 * circle; and a member that names the leader sends us there. Reads go to all in turn, but for those that failed a moment ago. Each has
 * one connection, made when it is first used.
 */
import { credentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { defined } from '../lib/assert.ts';
import type { Clock } from '../lib/clock.ts';
import type { ClientTls } from './client-options.ts';
import { Connection } from './connection.ts';
import {
  DeadlineExceededError,
  GraveyarError,
  InvalidArgumentError,
  NotLeaderError,
  UnavailableError,
} from './errors.ts';
import { Reachability } from './reachability.ts';

/** Members that are not in the list, but were named as the leader: connections are kept to so many. */
const strangers = 8;

/** Members that nobody named to this client, but the cluster did: so many are kept in mind. */
const mostLearned = 8;

/** Members are asked for once a client goes on for longer than a single call, and then now and then. */
const firstLearnMillis = 1_000;
const learnMillis = 60_000;

/** For so long reads keep away from a member that failed. */
const restMillis = 2_000;

/** For so long members are asked to pass appends on, once the leader they named could not be reached from here. */
const detourMillis = 30_000;

/** What a call needs: the leader, or any member. */
export type Purpose = 'append' | 'read';

/** What connections are made with. */
export interface EndpointOptions {
  readonly tls: ClientTls | undefined;
  readonly clock: Clock;
  /** See ClientOptions. */
  readonly connectMillis: number;
  readonly discover: boolean;
}

/** The connections of one client. */
export class Endpoints {
  readonly #addresses: readonly string[];
  readonly #credentials: ChannelCredentials;
  readonly #serverName: string | null;
  readonly #clock: Clock;
  readonly #connections = new Map<string, Connection>();
  readonly #reachability: Reachability;
  /** Until when reads keep away, by address. */
  readonly #resting = new Map<string, number>();
  /** Other members' addresses, as the cluster says. Tried when those that were given fail. */
  #learned: readonly string[] = [];
  /** When members are to be asked for; null: once something was answered. */
  #learnAt: number | null = null;
  readonly #discover: boolean;
  #current: string;
  #turn = 0;
  #detourUntil = -Infinity;
  #closed = false;

  /** At least one address, `host:port`. */
  constructor(addresses: readonly string[], { tls, clock, connectMillis, discover }: EndpointOptions) {
    this.#discover = discover;
    this.#addresses = addresses;
    this.#current = defined(addresses[0], 'an address');
    this.#credentials = tls === undefined ? credentials.createInsecure() : secure(tls);
    this.#serverName = tls?.serverName ?? null;
    this.#clock = clock;
    this.#reachability = new Reachability(clock, connectMillis);
  }

  /** The connection to call next. Throws CLOSED after {@link close}. */
  next(purpose: Purpose): Connection {
    if (this.#closed) throw new GraveyarError('CLOSED', 'the client is closed', false);
    return this.#connection(purpose === 'append' ? this.#current : this.#reader());
  }

  /** Whether a member that does not lead should say so. Else it should pass appends on, as the leader is out of our reach. */
  get requiresLeader(): boolean {
    return this.#clock.monotonicMillis() >= this.#detourUntil;
  }

  /** Whether there is no use in trying further: nothing was ever reached, for as long as that is to be tried. */
  get givenUp(): boolean {
    return this.#reachability.givenUp;
  }

  /** Somebody answered there. */
  answered({ address }: Connection): void {
    this.#reachability.reached(address);
  }

  /** Whether it is time to ask who the members are; says so once for each time. */
  takeLearning(): boolean {
    if (!this.#discover) return false;
    const now = this.#clock.monotonicMillis();
    if (this.#learnAt !== null && now < this.#learnAt) return false;
    const due = this.#learnAt !== null;
    this.#learnAt = now + (due ? learnMillis : firstLearnMillis);
    return due;
  }

  /** Where the members serve clients, as the cluster says. */
  learn(addresses: readonly string[]): void {
    const others = addresses.filter((address) => address !== '' && !this.#addresses.includes(address));
    this.#learned = others.slice(0, mostLearned);
  }

  /** No connection could be made, for `reason`. Chooses who is next; gives `failure` in words that name the addresses. */
  unreachable(connection: Connection, reason: string, failure: Error): Error {
    const { address } = connection;
    const late = failure instanceof DeadlineExceededError;
    if (late) {
      this.#reachability.late(address, reason);
      this.failed(connection, failure);
    } else this.#reachability.failed(address, reason);
    const message = this.#reachability.message;
    const options = { cause: failure.cause };
    if (late) {
      return new DeadlineExceededError(`no answer within the deadline: ${message}`, false, options);
    }
    // Out of reach from here, it may be: not to be tried again before the cluster names it again.
    this.#learned = this.#learned.filter((other) => other !== address);
    const unreachable = new UnavailableError('UNAVAILABLE', message, options);
    this.failed(connection, unreachable);
    return unreachable;
  }

  /** A call failed there: chooses who is next. Does nothing when that was decided meanwhile. */
  failed({ address }: Connection, error: Error): void {
    const now = this.#clock.monotonicMillis();
    if (isNoReader(error)) this.#resting.set(address, now + restMillis);
    if (!(error instanceof UnavailableError) || address !== this.#current) return;
    const leader = error instanceof NotLeaderError ? error.endpoint : null;
    if (error.code === 'UNAVAILABLE' && !this.#addresses.includes(this.#current))
      this.#detourUntil = now + detourMillis;
    this.#current = leader ?? this.#following();
    this.#forgetStrangers();
  }

  /** Closes the connections. Calls that go on fail. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  #connection(address: string): Connection {
    let connection = this.#connections.get(address);
    if (connection === undefined) {
      connection = new Connection(address, this.#credentials, this.#clock, this.#serverName);
      this.#connections.set(address, connection);
    }
    return connection;
  }

  #reader(): string {
    const now = this.#clock.monotonicMillis();
    const rested = (address: string): boolean => (this.#resting.get(address) ?? -Infinity) <= now;
    for (let tried = 0; tried < this.#addresses.length; tried++) {
      const address = this.#turnOf(this.#addresses);
      if (rested(address)) return address;
    }
    // All that were given failed a moment ago.
    return this.#turnOf([...this.#learned.filter(rested), ...this.#addresses]);
  }

  #turnOf(addresses: readonly string[]): string {
    return defined(addresses[this.#turn++ % addresses.length], 'an address');
  }

  #following(): string {
    const all = [...this.#addresses, ...this.#learned];
    return defined(all[(all.indexOf(this.#current) + 1) % all.length], 'an address');
  }

  #forgetStrangers(): void {
    for (const [address, connection] of this.#connections) {
      if (this.#connections.size <= this.#addresses.length + strangers) return;
      if (address === this.#current || this.#addresses.includes(address)) continue;
      connection.close();
      this.#connections.delete(address);
      this.#resting.delete(address);
    }
  }
}

/** Whether reads are better made elsewhere for a while: it gave no answer (in time), or knows no leader. */
function isNoReader(error: Error): boolean {
  if (error instanceof NotLeaderError) return error.leaderId === null;
  return error instanceof UnavailableError || error instanceof DeadlineExceededError;
}

function secure({ ca, cert, key }: ClientTls): ChannelCredentials {
  if ((cert === undefined) !== (key === undefined)) {
    const missing = cert === undefined ? 'cert' : 'key';
    throw new InvalidArgumentError(
      `tls.cert and tls.key go together: tls.${missing} is missing`,
      `tls.${missing}`,
      'both or neither',
    );
  }
  const buffer = (bytes: Uint8Array | undefined): Buffer | null => (bytes === undefined ? null : Buffer.from(bytes));
  return credentials.createSsl(buffer(ca), buffer(key), buffer(cert));
}
