/**
 * The addresses of a store's members, and which one to call next: the current one, until it fails; then the next, in a
 * circle; and a member that names the leader sends us there. Each has one connection, made when it is first used.
 */
import { Client, credentials } from '@grpc/grpc-js';
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import { limits } from '../domain/limits.ts';
import { defined } from '../lib/assert.ts';
import type { ClientTls } from './client-options.ts';
import { GraveyarError, NotLeaderError, UnavailableError } from './errors.ts';

/** How much of a stream of answers is on its way before it was asked for, in bytes. The protocol's 64 KiB would be slow. */
const flowControlWindow = 2 * 1024 * 1024;

const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': limits.requestBytes,
  'grpc.max_send_message_length': limits.requestBytes,
  'grpc-node.flow_control_window': flowControlWindow,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 20_000,
  // Retries are decided here, where it is known what is safe.
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
  // Each client has connections of its own, and closes them.
  'grpc.use_local_subchannel_pool': 1,
};

/** Members that are not in the list, but were named as the leader: connections are kept to so many. */
const strangers = 8;

/** The connections of one client. */
export class Endpoints {
  readonly #addresses: readonly string[];
  readonly #credentials: ChannelCredentials;
  readonly #clients = new Map<string, Client>();
  #current: string;
  #closed = false;

  /** At least one address, `host:port`. */
  constructor(addresses: readonly string[], tls: ClientTls | undefined) {
    this.#addresses = addresses;
    this.#current = defined(addresses[0], 'an address');
    this.#credentials = tls === undefined ? credentials.createInsecure() : secure(tls);
  }

  /** The connection to call next. Throws CLOSED after {@link close}. */
  current(): Client {
    if (this.#closed) throw new GraveyarError('CLOSED', 'the client is closed', false);
    let client = this.#clients.get(this.#current);
    if (client === undefined) {
      client = new Client(this.#current, this.#credentials, channelOptions);
      this.#clients.set(this.#current, client);
    }
    return client;
  }

  /** A call through `client` failed: chooses who is next. Does nothing when that was decided meanwhile. */
  failed(client: Client, error: Error): void {
    if (!(error instanceof UnavailableError) || client !== this.#clients.get(this.#current)) return;
    const leader = error instanceof NotLeaderError ? error.endpoint : null;
    this.#current = leader ?? this.#next();
    this.#forgetStrangers();
  }

  /** Closes the connections. Calls that go on fail. */
  close(): void {
    this.#closed = true;
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #next(): string {
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
