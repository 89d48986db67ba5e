/**
 * Certificates and keys that settings name, read from their files.
 */
import { readFileSync } from 'node:fs';
import type { Settings } from '../../config/settings.ts';
import type { ServerTls } from '../../grpc/grpc-server.ts';
import type { ForwardTls } from '../../grpc/leader-connections.ts';
import type { PeerTls } from '../../grpc/peer/peer-credentials.ts';
import { EXIT } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';

/** For the port that serves clients; null: not encrypted. */
export function readServerTls({ tlsCertificate, tlsKey, tlsClientAuthority }: Settings): ServerTls | null {
  if (tlsCertificate === null || tlsKey === null) return null;
  return {
    cert: readPem('--tls-certificate', tlsCertificate),
    key: readPem('--tls-key', tlsKey),
    ...(tlsClientAuthority === null ? {} : { ca: readPem('--tls-client-authority', tlsClientAuthority) }),
  };
}

/** For calls that are passed on to another member's port for clients; null: not encrypted. */
export function readForwardTls({ tlsCertificate, tlsKey, tlsAuthority }: Settings): ForwardTls | null {
  if (tlsCertificate === null || tlsKey === null || tlsAuthority === null) return null;
  return {
    ca: readPem('--tls-authority', tlsAuthority),
    cert: readPem('--tls-certificate', tlsCertificate),
    key: readPem('--tls-key', tlsKey),
  };
}

/** For the port that members use among themselves; null: not encrypted. */
export function readPeerTls({ peerTlsCertificate, peerTlsKey, peerTlsAuthority }: Settings): PeerTls | null {
  if (peerTlsCertificate === null || peerTlsKey === null || peerTlsAuthority === null) return null;
  return {
    cert: readPem('--peer-tls-certificate', peerTlsCertificate),
    key: readPem('--peer-tls-key', peerTlsKey),
    ca: readPem('--peer-tls-authority', peerTlsAuthority),
  };
}

function readPem(flag: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CommandFailure(`${flag}: ${(error as Error).message}`, EXIT.usage);
  }
}
