/**
 * The addresses of a store's members, and which one to call next. Appends go to one, until it fails; then to the next, in a
 * circle; and a member that names the leader sends us there. Reads go to all in turn, but for those that failed a moment ago. Each has
 * one connection, made when it is first used.
 */
import { Client, credentials } from '@grpc/grpc-js';
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import { limits } from '../domain/limits.ts';
import { defined } from '../lib/assert.ts';
import type { Clock } from '../lib/clock.ts';
import type { ClientTls } from './client-options.ts';
import { DeadlineExceededError, GraveyarError, NotLeaderError, UnavailableError } from './errors.ts';
import { Reachability } from './reachability.ts';

/** How much of a stream of answers is on its way before it was asked for, in bytes. The protocol's 64 KiB would be slow. */
const flowControlWindow = 2 * 1024 * 1024;

const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': limits.requestBytes,
  'grpc.max_send_message_length': limits.requestBytes,
  'grpc-node.flow_control_window': flowControlWindow,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // A host that vanished without a word is noticed after both, well within the deadline of a call.
  'grpc.keepalive_time_ms': 3_000,
  'grpc.keepalive_timeout_ms': 3_000,
  // A member may come back under its name with another address.
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  // Retries are decided here, where it is known what is safe.
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
  // Each client has connections of its own, and closes them.
  'grpc.use_local_subchannel_pool': 1,
};

/** Members that are not in the list, but were named as the leader: connections are kept to so many. */
const strangers = 8;

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
}

/** The connections of one client. */
export class Endpoints {
  readonly #addresses: readonly string[];
  readonly #credentials: ChannelCredentials;
  readonly #clock: Clock;
  readonly #clients = new Map<string, Client>();
  readonly #reachability: Reachability;
  /** Until when reads keep away, by address. */
  readonly #resting = new Map<string, number>();
  #current: string;
  #turn = 0;
  #detourUntil = -Infinity;
  #closed = false;

  /** At least one address, `host:port`. */
  constructor(addresses: readonly string[], { tls, clock, connectMillis }: EndpointOptions) {
    this.#addresses = addresses;
    this.#current = defined(addresses[0], 'an address');
    this.#credentials = tls === undefined ? credentials.createInsecure() : secure(tls);
    this.#clock = clock;
    this.#reachability = new Reachability(clock, connectMillis);
  }

  /** The connection to call next. Throws CLOSED after {@link close}. */
  next(purpose: Purpose): Client {
    if (this.#closed) throw new GraveyarError('CLOSED', 'the client is closed', false);
    return this.#client(purpose === 'append' ? this.#current : this.#reader());
  }

  /** Whether a member that does not lead should say so. Else it should pass appends on, as the leader is out of our reach. */
  get requiresLeader(): boolean {
    return this.#clock.monotonicMillis() >= this.#detourUntil;
  }

  /** Whether there is no use in trying further: nothing was ever reached, for as long as that is to be tried. */
  get givenUp(): boolean {
    return this.#reachability.givenUp;
  }

  /** `client` was answered. */
  answered(client: Client): void {
    this.#reachability.reached(this.#addressOf(client));
  }

  /** No connection could be made, for `reason`. Chooses who is next; gives `failure` in words that name the addresses. */
  unreachable(client: Client, reason: string, failure: Error): Error {
    const late = failure instanceof DeadlineExceededError;
    if (late) this.#reachability.late(this.#addressOf(client), reason);
    else this.#reachability.failed(this.#addressOf(client), reason);
    const message = this.#reachability.message;
    const options = { cause: failure.cause };
    if (late) {
      return new DeadlineExceededError(`no answer within the deadline: ${message}`, options);
    }
    this.failed(client, failure);
    return new UnavailableError('UNAVAILABLE', message, options);
  }

  /** A call through `client` failed: chooses who is next. Does nothing when that was decided meanwhile. */
  failed(client: Client, error: Error): void {
    if (!(error instanceof UnavailableError)) return;
    const now = this.#clock.monotonicMillis();
    const leader = error instanceof NotLeaderError ? error.endpoint : null;
    for (const [address, other] of this.#clients) {
      if (other === client && !(error instanceof NotLeaderError)) this.#resting.set(address, now + restMillis);
    }
    if (client !== this.#clients.get(this.#current)) return;
    if (error.code === 'UNAVAILABLE' && !this.#addresses.includes(this.#current))
      this.#detourUntil = now + detourMillis;
    this.#current = leader ?? this.#following();
    this.#forgetStrangers();
  }

  /** Closes the connections. Calls that go on fail. */
  close(): void {
    this.#closed = true;
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #addressOf(client: Client): string {
    for (const [address, other] of this.#clients) if (other === client) return address;
    // The connection of a stranger, closed meanwhile.
    return 'a member';
  }

  #client(address: string): Client {
    let client = this.#clients.get(address);
    if (client === undefined) {
      client = new Client(address, this.#credentials, channelOptions);
      this.#clients.set(address, client);
    }
    return client;
  }

  #reader(): string {
    const now = this.#clock.monotonicMillis();
    for (let tried = 0; tried < this.#addresses.length; tried++) {
      const address = defined(this.#addresses[this.#turn++ % this.#addresses.length], 'an address');
      if ((this.#resting.get(address) ?? -Infinity) <= now) return address;
    }
    // All failed a moment ago: whichever is next.
    return defined(this.#addresses[this.#turn++ % this.#addresses.length], 'an address');
  }

  #following(): string {
    const index = this.#addresses.indexOf(this.#current);
    return defined(this.#addresses[(index + 1) % this.#addresses.length], 'an address');
  }

  #forgetStrangers(): void {
    for (const [address, client] of this.#clients) {
      if (this.#clients.size <= this.#addresses.length + strangers) return;
      if (address === this.#current || this.#addresses.includes(address)) continue;
      client.close();
      this.#clients.delete(address);
    }
  }
}

function secure({ ca, cert, key }: ClientTls): ChannelCredentials {
  const buffer = (bytes: Uint8Array | undefined): Buffer | null => (bytes === undefined ? null : Buffer.from(bytes));
  return credentials.createSsl(buffer(ca), buffer(key), buffer(cert));
}
