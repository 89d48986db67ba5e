/**
 * Why no connection was made, in plain words, from what grpc-js says of it: it gives no code, only text.
 */
import { status as Code } from '@grpc/grpc-js';
import { ReachTimeout } from '../lib/tcp-reach.ts';
import { GraveyarError } from './errors.ts';

const UNAVAILABLE: number = Code.UNAVAILABLE;
const DEADLINE_EXCEEDED: number = Code.DEADLINE_EXCEEDED;

/** The words for a host that says nothing. */
export const silence = 'no answer to the attempt to connect';

/**
 * What grpc-js writes of a call that never got a connection, in a deadline's details. Of one that did: `LB pick: 0.001s,remote_addr=…`.
 * Source: `getDeadlineInfo` in its load-balancing-call.js.
 */
const unpicked = 'Waiting for LB pick';
const deadlineText = 'Deadline exceeded after ';

/** Errors of the system, as libuv calls them. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'the connection timed out',
  ENOTFOUND: 'the name cannot be resolved',
  EAI_AGAIN: 'the name cannot be resolved now',
};

/** No connection was made, and no call begun. */
export class NotConnected extends Error {
  override readonly name = 'NotConnected';
}

/** What an error of the system means. */
export function systemReason(error: unknown): string {
  if (error instanceof ReachTimeout) return silence;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}

/** The reason; null for the failure of a call that had a connection, and for what is no status that this side made. */
export function connectFailure(error: unknown): string | null {
  if (error instanceof NotConnected) return error.message;
  if (error instanceof GraveyarError) return connectFailure(error.cause);
  if (!(error instanceof Error) || !('code' in error) || !('details' in error)) return null;
  const { code, details } = error;
  if (typeof details !== 'string') return null;
  if (code === DEADLINE_EXCEEDED && details.includes(unpicked)) return silence;
  if (code !== UNAVAILABLE) return null;
  if (details.startsWith('Name resolution failed')) return 'the name cannot be resolved';
  const said = /^No connection established\. Last error: (.*?)\. Resolution note: /s.exec(details)?.[1];
  if (said === undefined) return null;
  const known = /\bE[A-Z_]{3,}\b/.exec(said)?.[0];
  const reason = known === undefined ? undefined : reasons[known];
  if (reason !== undefined) return reason;
  return said === '' || said === 'null' ? 'no connection' : (alertOf(said) ?? said.replace(/^Error: /, ''));
}

/** What the other side of a TLS handshake said, without the codes and file names that OpenSSL has around it. */
function alertOf(said: string): string | null {
  const alert = /:SSL routines:[^:]*:([^:]*\balert\b[^:]*):/.exec(said)?.[1];
  if (alert === undefined) return null;
  return alert.includes('certificate required') ? 'the server asks for a certificate of the client' : `TLS: ${alert}`;
}

/** True when the deadline passed on this side: nobody has answered. */
export function deadlinePassed(error: unknown): boolean {
  if (!(error instanceof Error) || !('details' in error)) return false;
  return typeof error.details === 'string' && error.details.startsWith(deadlineText);
}
