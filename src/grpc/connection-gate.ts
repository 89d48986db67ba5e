/**
 * The listening socket: accepts connections up to a number, and hands them on. Knows nothing of gRPC. It exists because the
 * gRPC library neither bounds connections nor tells the address it is bound to.
 */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { listen } from '../lib/listen.ts';
import type { BoundAddress } from '../lib/listen.ts';

/** A listening socket. */
export class ConnectionGate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** `refused` is called for each connection beyond `maxConnections`; it has been closed. */
  constructor(maxConnections: number, accepted: (socket: Socket) => void, refused: () => void) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      accepted(socket);
    });
    this.#server.maxConnections = maxConnections;
    this.#server.on('drop', refused);
  }

  /** Begins to accept, like the function of this name. */
  async listen(host: string, port: number): Promise<BoundAddress> {
    const bound = await listen(this.#server, host, port);
    // Accepting may fail later (too many open files); the next connection may succeed again.
    this.#server.on('error', () => undefined);
    return bound;
  }

  /** Accepts no more. Connections that stand go on; resolves when the last of them is gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  /** Closes all connections at once. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
