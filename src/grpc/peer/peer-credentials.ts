/**
 * How connections between members are secured: not at all, or both sides show a certificate of one authority.
 */
import { ServerCredentials, credentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';

/** A member's own certificate with its key, and the authority of all members' certificates. PEM. */
export interface PeerTls {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  readonly ca: Uint8Array;
}

/** For the side that listens: it asks the caller for a certificate. */
export function peerServerCredentials(tls: PeerTls | null): ServerCredentials {
  if (tls === null) return ServerCredentials.createInsecure();
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
  return ServerCredentials.createSsl(Buffer.from(tls.ca), [pair], true);
}

/** For the side that calls. */
export function peerChannelCredentials(tls: PeerTls | null): ChannelCredentials {
  if (tls === null) return credentials.createInsecure();
  return credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.cert));
}
