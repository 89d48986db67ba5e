/**
 * The connection to one address: made when it is needed, within a bounded time, and made anew when it broke. Knows nothing of
 * calls.
 *
 * grpc-js has no limit on the time that connecting takes, and neither has the system one that would help: after some seconds of a cut link
 * it sends its next attempt only after many more. So whether somebody listens is found out first, and a connection that does
 * not get ready is dropped for a fresh one.
 *
 * Invariant: at most one attempt at a time, which ends within {@link reachMillis} + {@link handshakeMillis}.
 */
import { Client, connectivityState } from '@grpc/grpc-js';
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import { limits } from '../domain/limits.ts';
import type { Clock } from '../lib/clock.ts';
import { parseHostPort, reachTcp } from '../lib/tcp-reach.ts';
import { NotConnected, silence, systemReason } from './connect-failure.ts';

/** How much of a stream of answers is on its way before it was asked for, in bytes. The protocol's 64 KiB would be slow. */
const flowControlWindow = 2 * 1024 * 1024;

const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': limits.requestBytes,
  'grpc.max_send_message_length': limits.requestBytes,
  'grpc-node.flow_control_window': flowControlWindow,
  // A host that vanished without a word is noticed after both, about when others have found a new leader.
  'grpc.keepalive_time_ms': 1_000,
  'grpc.keepalive_timeout_ms': 1_500,
  // Retries are decided by the caller, where it is known what is safe.
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
  // Each client has connections of its own, and closes them.
  'grpc.use_local_subchannel_pool': 1,
};

/** How long it may take until somebody takes a connection, and until that is ready (TLS, the first frames). */
const reachMillis = 1_000;
const handshakeMillis = 2_000;

/** Behind a proxy, which the environment may name, only the proxy can tell whether somebody listens. */
const behindProxy = ['grpc_proxy', 'https_proxy', 'http_proxy'].some((name) => (process.env[name] ?? '') !== '');

/** One address. */
export class Connection {
  readonly address: string;
  readonly #credentials: ChannelCredentials;
  readonly #clock: Clock;
  readonly #options: ChannelOptions;
  #client: Client | null = null;
  #opening: Promise<Client> | null = null;
  #closed = false;

  /** `serverName`: whom the server's certificate must name; null: the host of the address. */
  constructor(address: string, credentials: ChannelCredentials, clock: Clock, serverName: string | null = null) {
    this.address = address;
    this.#options =
      serverName === null ? channelOptions : { ...channelOptions, 'grpc.ssl_target_name_override': serverName };
    this.#credentials = credentials;
    this.#clock = clock;
  }

  /** What to make calls with; null while there is no connection. */
  get ready(): Client | null {
    const client = this.#client;
    return client?.getChannel().getConnectivityState(false) === connectivityState.READY ? client : null;
  }

  /**
   * What to make calls with, as soon as there is a connection. Rejects with {@link NotConnected}. When somebody listens and
   * the connection fails nevertheless, it resolves: a call then tells why.
   */
  open(): Promise<Client> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  /** Calls that were answered in part go on to their end. */
  close(): void {
    this.#closed = true;
    this.#client?.close();
    this.#client = null;
  }

  async #open(): Promise<Client> {
    const place = behindProxy ? null : parseHostPort(this.address);
    try {
      if (place !== null) await reachTcp(place, this.#clock, reachMillis);
    } catch (error) {
      throw new NotConnected(systemReason(error));
    }
    // What a broken one knows, above all how long to wait before it tries again, is of no use.
    this.#client?.close();
    this.#client = null;
    if (this.#closed) throw new NotConnected('the client is closed');
    const client = new Client(this.address, this.#credentials, this.#options);
    this.#client = client;
    if (await settled(client, this.#clock)) return client;
    if (this.#client === client) this.#client = null;
    throw new NotConnected(silence);
  }
}

/** True once the connection is ready, or has failed; false when neither came in time, and the client is closed then. */
async function settled(client: Client, clock: Clock): Promise<boolean> {
  const channel = client.getChannel();
  const cancel = clock.setTimer(handshakeMillis, () => {
    client.close();
  });
  const { READY, TRANSIENT_FAILURE, SHUTDOWN } = connectivityState;
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === READY || state === TRANSIENT_FAILURE || state === SHUTDOWN) {
      cancel();
      return state !== SHUTDOWN;
    }
    await new Promise<void>((resolve) => {
      channel.watchConnectivityState(state, Infinity, () => {
        resolve();
      });
    });
  }
}
