/**
 * Why no connection was made, in plain words, from what grpc-js says of it: it gives no code, only text.
 */
import { status as Code } from '@grpc/grpc-js';

const UNAVAILABLE: number = Code.UNAVAILABLE;
const DEADLINE_EXCEEDED: number = Code.DEADLINE_EXCEEDED;

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

/** The reason; null for the failure of a call that had a connection, and for what is no status that this side made. */
export function connectFailure(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || !('details' in error)) return null;
  const { code, details } = error;
  if (typeof details !== 'string') return null;
  if (code === DEADLINE_EXCEEDED && details.includes('LB pick')) return 'no answer to the attempt to connect';
  if (code !== UNAVAILABLE) return null;
  if (details.startsWith('Name resolution failed')) return 'the name cannot be resolved';
  const said = /^No connection established\. Last error: (.*?)\. Resolution note: /s.exec(details)?.[1];
  if (said === undefined) return null;
  const known = /\bE[A-Z_]{3,}\b/.exec(said)?.[0];
  const reason = known === undefined ? undefined : reasons[known];
  if (reason !== undefined) return reason;
  return said === '' || said === 'null' ? 'no connection' : said.replace(/^Error: /, '');
}
