/**
 * How a client is set up, and what single calls may ask for.
 */
import type { Clock } from '../lib/clock.ts';

/** Certificates in PEM. */
export interface ClientTls {
  /** Who signed the server's certificate. Without: the authorities the system trusts. */
  readonly ca?: Uint8Array;
  /** The client's own certificate and key, when the server asks for one. Both or neither. */
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
  /** The name that the server's certificate must be valid for, when that is not the host of its address. */
  readonly serverName?: string;
}

/** All optional. */
export interface ClientOptions {
  /** Encrypts connections. Without, they are not encrypted. */
  readonly tls?: ClientTls;
  /**
   * How long a call with one answer may take with all its retries, in milliseconds, unless the call says otherwise; and how long a
   * read that fails again and again goes on without an answer. Default 30,000.
   */
  readonly deadlineMillis?: number;
  /**
   * How long calls are tried, in milliseconds from the first failure on, as long as none of the addresses could be connected to
   * at all. Ends calls, reads and subscriptions with UnavailableError. Default: as after every other failure.
   */
  readonly connectMillis?: number;
  /** The first pause before a retry; it doubles, up to the longest, and each is a random part of that. Default 50. */
  readonly firstBackoffMillis?: number;
  /** Default 500: elections are short. */
  readonly longestBackoffMillis?: number;
  /**
   * Whether the client asks the store for its other members (a second after the first answer, then once a minute), so that it finds them
   * when the addresses it was given fail. Default true. To no purpose where only the given addresses can be reached, such as a proxy's.
   */
  readonly discover?: boolean;
  /** For tests. */
  readonly clock?: Clock;
}

/** What every call takes. */
export interface CallOptions {
  /** Aborting rejects the call with the signal's reason. An append that was sent may still take effect. */
  readonly signal?: AbortSignal;
  /**
   * How long the call may take with all its retries, in milliseconds from now: to its answer, and a read or a listing to its end.
   * Default: that of the client, and none for a read or a listing as a whole.
   */
  readonly deadlineMillis?: number;
}

/** The options with their defaults. */
export interface ClientSettings {
  readonly deadlineMillis: number;
  readonly firstBackoffMillis: number;
  readonly longestBackoffMillis: number;
  readonly clock: Clock;
}
