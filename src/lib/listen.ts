/**
 * How servers begin to listen, all in the same way: on one address, or on every one that the machine has, of both families.
 */
import type { AddressInfo, Server } from 'node:net';

/** Where a server listens. */
export interface BoundAddress {
  readonly host: string;
  readonly port: number;
}

/** Every address of this machine, also those of IPv4. */
const EVERYWHERE = '::';

/**
 * Begins to listen; `port` 0 takes a free one. `::` takes connections of IPv4 as well, and is 0.0.0.0 where the kernel has no IPv6.
 * Rejects with the system's error (EADDRINUSE and so on).
 */
export function listen(server: Server, host: string, port: number): Promise<BoundAddress> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Without a host, Node tries both families in this order.
    server.listen(host === EVERYWHERE ? { port } : { host, port }, () => {
      server.off('error', reject);
      const bound = server.address() as AddressInfo;
      resolve({ host: bound.address, port: bound.port });
    });
  });
}
