/**
 * Hosts as loopback addresses with a proxy between them, where namespaces are not allowed. Every member listens on an address that
 * nobody knows and is known by another, on which the proxy listens; whose connection comes in, the proxy sees from the address it
 * comes from (`bind-source.ts`).
 *
 * A link that is cut lets nothing through and drops nothing: what was sent arrives when it is mended, as with TCP, which repeats it. What
 * a proxy cannot do: a connection is taken also over a link that is cut (and then silent), and nothing is lost under way.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { pause } from '../within.ts';
import type { Host, Link, Network } from './network.ts';

/** One direction between two hosts. */
class Wire {
  #cut = false;
  #waiting: (() => void)[] = [];

  set cut(cut: boolean) {
    this.#cut = cut;
    if (cut) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when something can pass. */
  async passable(): Promise<void> {
    while (this.#cut) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** How much a host may send and get. */
class Rate {
  bytesPerSecond = Infinity;
  #freeAt = 0;

  /** Resolves when so many bytes have gone through. */
  async take(bytes: number): Promise<void> {
    if (this.bytesPerSecond === Infinity) return;
    const now = performance.now();
    this.#freeAt = Math.max(now, this.#freeAt) + (1000 * bytes) / this.bytesPerSecond;
    await pause(this.#freeAt - now);
  }
}

/** The network. {@link ProxyNetwork.open} before its hosts are used. */
export class ProxyNetwork implements Network {
  readonly hosts: readonly Host[];
  readonly hasLinks = true;
  readonly #wires = new Map<string, Wire>();
  readonly #rates = new Map<number, Rate>();
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  /** Two runs at a time must not have the same `net`, from 1 to 254. */
  constructor(hosts: number, net: number) {
    const preload = fileURLToPath(new URL('bind-source.ts', import.meta.url));
    this.hosts = Array.from({ length: hosts }, (_, index) => {
      const number = index + 1;
      const listen = `127.${net}.1.${number}`;
      return {
        number,
        address: `127.${net}.2.${number}`,
        listen,
        prefix: ['env', `CHAOS_SOURCE=${listen}`, `NODE_OPTIONS=--import=${preload}`],
      };
    });
  }

  /** Listens in place of every host on these ports. */
  async open(ports: readonly number[]): Promise<void> {
    for (const host of this.hosts) {
      for (const port of ports) {
        const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
          void this.#join(socket, host, port);
        });
        this.#servers.push(server.listen(port, host.address));
        await once(server, 'listening');
      }
    }
  }

  /** Ends everything. */
  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  cut(link: Link): Promise<void> {
    this.#wire(link.from, link.to).cut = true;
    return Promise.resolve();
  }

  mend(link: Link): Promise<void> {
    this.#wire(link.from, link.to).cut = false;
    return Promise.resolve();
  }

  slow(host: number, kilobitsPerSecond: number): Promise<void> {
    this.#rate(host).bytesPerSecond = kilobitsPerSecond * 125;
    return Promise.resolve();
  }

  unslow(host: number): Promise<void> {
    this.#rate(host).bytesPerSecond = Infinity;
    return Promise.resolve();
  }

  healAll(): Promise<void> {
    for (const wire of this.#wires.values()) wire.cut = false;
    for (const rate of this.#rates.values()) rate.bytesPerSecond = Infinity;
    return Promise.resolve();
  }

  /** Never rejects. */
  async #join(left: Socket, host: Host, port: number): Promise<void> {
    this.#keep(left);
    const from = this.hosts.find(({ listen }) => listen === left.remoteAddress)?.number ?? 0;
    const there = this.#wire(from, host.number);
    const back = this.#wire(host.number, from);
    // A handshake needs both directions.
    await there.passable();
    await back.passable();
    const right = connect({ host: host.listen ?? host.address, port, allowHalfOpen: true });
    this.#keep(right);
    try {
      await once(right, 'connect');
    } catch {
      left.resetAndDestroy();
      return;
    }
    const rates = [this.#rate(from), this.#rate(host.number)];
    await Promise.all([pump(left, right, there, rates), pump(right, left, back, rates)]);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #wire(from: number, to: number): Wire {
    const key = `${from} ${to}`;
    const wire = this.#wires.get(key) ?? new Wire();
    this.#wires.set(key, wire);
    return wire;
  }

  #rate(host: number): Rate {
    const rate = this.#rates.get(host) ?? new Rate();
    this.#rates.set(host, rate);
    return rate;
  }
}

/** Passes on what comes, then how it ends: in order, or broken. Both wait for the wire. */
async function pump(from: Socket, to: Socket, wire: Wire, rates: readonly Rate[]): Promise<void> {
  try {
    for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (const rate of rates) await rate.take(chunk.length);
      await wire.passable();
      if (to.destroyed) return;
      if (!to.write(chunk)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
    }
    await wire.passable();
    to.end();
  } catch {
    await wire.passable();
    to.resetAndDestroy();
  }
}
