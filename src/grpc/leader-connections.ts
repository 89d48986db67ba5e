/**
 * Connections to the client ports of other members, made when first needed, for calls that are passed on. Knows nothing of why.
 */
import { Client, Metadata, connectivityState, credentials } from '@grpc/grpc-js';
import type { ChannelCredentials, ChannelOptions, ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { limits } from '../domain/limits.ts';
import { FORWARDED } from './call-facts.ts';
import { asBuffer } from './request-reader.ts';

/** How members trust each other's client ports. PEM. */
export interface ForwardTls {
  /** Who signed the members' certificates. */
  readonly ca: Uint8Array;
  /** Shown to the leader, which may ask for one. */
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

/** A stream of raw messages both ways. */
export type RawDuplex = ClientDuplexStream<Buffer, Buffer>;

const identity = (bytes: Buffer): Buffer => bytes;
/** Leaders come and go; connections to so many are kept. */
const kept = 8;

const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': limits.requestBytes,
  'grpc.max_send_message_length': limits.requestBytes,
  'grpc-node.flow_control_window': 2 * 1024 * 1024,
  // A leader that vanished must not hold up calls for long.
  'grpc.keepalive_time_ms': 2_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
};

/** The connections. */
export class LeaderConnections {
  readonly #credentials: ChannelCredentials;
  /** By address, the one used last at the end. */
  readonly #clients = new Map<string, Client>();

  constructor(tls: ForwardTls | null) {
    this.#credentials =
      tls === null
        ? credentials.createInsecure()
        : credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.cert));
  }

  /**
   * Whether there is a connection, by `deadline` (milliseconds since 1970) at the latest; one that was not made in time, or failed, is dropped
   * for a fresh attempt. The library and the system would go on with a host that went silent for minutes.
   */
  async ready(address: string, deadline: number): Promise<boolean> {
    const client = this.#client(address);
    const channel = client.getChannel();
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return true;
      const failed = state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN;
      if (!failed && (await changes(channel, state, deadline))) continue;
      if (this.#clients.get(address) === client) this.#clients.delete(address);
      client.close();
      return false;
    }
  }

  /** The answer's bytes. Rejects with the ServiceError. Aborting cancels the call. */
  unary(address: string, path: string, request: Uint8Array, deadline: number, signal: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const options = Number.isFinite(deadline) ? { deadline } : {};
      const cancel = (): void => {
        call.cancel();
      };
      const answered = (error: ServiceError | null, answer?: Buffer): void => {
        signal.removeEventListener('abort', cancel);
        if (error !== null) reject(error);
        else resolve(answer ?? Buffer.alloc(0));
      };
      const client = this.#client(address);
      const bytes = asBuffer(request);
      const call = client.makeUnaryRequest(path, identity, identity, bytes, forwarded(), options, answered);
      signal.addEventListener('abort', cancel, { once: true });
    });
  }

  /** A bidirectional call. */
  duplex(address: string, path: string, deadline: number): RawDuplex {
    const options = Number.isFinite(deadline) ? { deadline } : {};
    return this.#client(address).makeBidiStreamRequest(path, identity, identity, forwarded(), options);
  }

  /** Closes all. */
  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #client(address: string): Client {
    const client = this.#clients.get(address) ?? new Client(address, this.#credentials, channelOptions);
    this.#clients.delete(address);
    this.#clients.set(address, client);
    for (const [oldest, old] of this.#clients) {
      if (this.#clients.size <= kept) break;
      this.#clients.delete(oldest);
      old.close();
    }
    return client;
  }
}

type Channel = ReturnType<Client['getChannel']>;

/** Whether the channel leaves the state before the deadline. */
function changes(channel: Channel, state: connectivityState, deadline: number): Promise<boolean> {
  return new Promise((resolve) => {
    channel.watchConnectivityState(state, deadline, (error) => {
      resolve(error === undefined);
    });
  });
}

function forwarded(): Metadata {
  const metadata = new Metadata();
  metadata.set(FORWARDED, 'true');
  return metadata;
}
