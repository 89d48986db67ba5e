/**
 * Hosts that are all this machine's loopback, where namespaces are not allowed: processes can be killed and paused, but links
 * cannot be touched.
 */
import type { Host, Network } from './network.ts';

/** A network without links: asking for one is an error, see {@link Network.hasLinks}. */
export class LoopbackNetwork implements Network {
  readonly hosts: readonly Host[];
  readonly hasLinks = false;

  constructor(hosts: number) {
    this.hosts = Array.from({ length: hosts }, (_, index) => ({ number: index + 1, address: '127.0.0.1', prefix: [] }));
  }

  cut(): Promise<void> {
    return Promise.reject(new Error('loopback has no links'));
  }

  mend(): Promise<void> {
    return Promise.reject(new Error('loopback has no links'));
  }

  slow(): Promise<void> {
    return Promise.reject(new Error('loopback has no links'));
  }

  unslow(): Promise<void> {
    return Promise.reject(new Error('loopback has no links'));
  }

  healAll(): Promise<void> {
    return Promise.resolve();
  }
}
