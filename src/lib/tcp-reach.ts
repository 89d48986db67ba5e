/**
 * Whether somebody takes connections at an address, known within a given time. The system itself goes on trying for two minutes,
 * with pauses that double: a host that comes back meanwhile is noticed late, and the library on top has no say in it.
 */
import { connect } from 'node:net';
import type { Clock } from './clock.ts';

/** A port of a host. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Nobody took the connection in time. */
export class ReachTimeout extends Error {
  override readonly name = 'ReachTimeout';
}

/** The parts of `host:port`, where an IPv6 address stands in brackets; null for any other kind of address. */
export function parseHostPort(address: string): HostPort | null {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(address);
  const host = parts?.[1] ?? parts?.[2];
  const port = Number(parts?.[3]);
  return host === undefined || port > 65_535 ? null : { host, port };
}

/** Those parts as `host:port` again. */
export function printHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Makes a connection and closes it again. Rejects with the system's error, with {@link ReachTimeout} after `millis`, or with the
 * signal's reason. Leaves nothing behind.
 */
export function reachTcp({ host, port }: HostPort, clock: Clock, millis: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = connect({ host, port });
    const end = (settle: () => void): void => {
      cancel();
      signal?.removeEventListener('abort', abort);
      socket.destroy();
      settle();
    };
    const abort = (): void => {
      end(() => {
        reject(signal?.reason as Error);
      });
    };
    const cancel = clock.setTimer(millis, () => {
      end(() => {
        reject(new ReachTimeout(`nobody took the connection within ${millis} ms`));
      });
    });
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => {
      end(resolve);
    });
    socket.on('error', (error) => {
      end(() => {
        reject(error);
      });
    });
  });
}
