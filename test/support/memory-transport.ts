/**
 * A network in memory: transports of members in one process. Messages arrive in a later turn, in order; links can be cut, one way
 * too, and lose what is on its way. Snapshots and introductions go through the same links.
 */
import { StoreError } from '../../src/domain/errors.ts';
import type { Introduction } from '../../src/cluster/member.ts';
import type { Peer, SnapshotSource, Transport, TransportHandler } from '../../src/cluster/transport.ts';
import type { Message } from '../../src/raft/messages.ts';

interface Endpoint {
  readonly handler: TransportHandler;
  readonly self: () => Introduction;
  readonly address: string;
}

export class MemoryNetwork {
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #cut = new Set<string>();
  /** Called before each chunk of a snapshot; what it throws ends the transfer. */
  onChunk: ((to: string, firstPosition: number) => void) | null = null;
  /** Records sent in snapshots, as [from position, to position). */
  readonly chunks: (readonly [number, number])[] = [];
  messages = 0;

  transport(address: string): MemoryTransport {
    return new MemoryTransport(this, address);
  }

  /** From now on nothing gets from one address to the other. */
  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  /** Nothing gets to or from this address. */
  isolate(address: string): void {
    for (const other of this.#endpoints.keys()) {
      this.cut(address, other);
      this.cut(other, address);
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  attach(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.address, endpoint);
  }

  detach(endpoint: Endpoint): void {
    if (this.#endpoints.get(endpoint.address) === endpoint) this.#endpoints.delete(endpoint.address);
  }

  reach(from: string, to: string): Endpoint | null {
    if (this.#cut.has(`${from}>${to}`)) return null;
    return this.#endpoints.get(to) ?? null;
  }
}

export class MemoryTransport implements Transport {
  readonly #network: MemoryNetwork;
  readonly #address: string;
  readonly #greeted = new Set<string>();
  #peers = new Map<number, string>();
  #endpoint: Endpoint | null = null;

  constructor(network: MemoryNetwork, address: string) {
    this.#network = network;
    this.#address = address;
  }

  start(handler: TransportHandler, self: () => Introduction): Promise<void> {
    this.#endpoint = { handler, self, address: this.#address };
    this.#network.attach(this.#endpoint);
    return Promise.resolve();
  }

  setPeers(peers: readonly Peer[]): void {
    this.#peers = new Map(peers.map(({ id, address }) => [id, address]));
  }

  send(messages: readonly Message[]): void {
    setImmediate(() => {
      for (const message of messages) this.#deliver(message);
    });
  }

  async sendSnapshot(message: Message, source: SnapshotSource, signal: AbortSignal): Promise<void> {
    const target = this.#reach(message.to);
    const receiver = await target.handler.beginSnapshot(message);
    try {
      for await (const chunk of source.chunksFrom(receiver.nextPosition)) {
        signal.throwIfAborted();
        this.#reach(message.to);
        this.#network.onChunk?.(target.address, chunk.firstPosition);
        this.#network.chunks.push([chunk.firstPosition, chunk.endPosition]);
        await receiver.take({ ...chunk, bytes: Uint8Array.from(chunk.bytes) });
      }
      await receiver.complete();
    } catch (error) {
      receiver.abort(String(error));
      throw error;
    }
  }

  async introduce(address: string, self: Introduction): Promise<Introduction> {
    await Promise.resolve();
    const target = this.#network.reach(this.#address, address);
    if (target === null) throw new Error(`${address} cannot be reached`);
    return target.handler.introduce(self);
  }

  async join(address: string, self: Introduction): Promise<void> {
    await Promise.resolve();
    const target = this.#network.reach(this.#address, address);
    if (target === null) throw new Error(`${address} cannot be reached`);
    await target.handler.join(self);
  }

  stop(): Promise<void> {
    if (this.#endpoint !== null) this.#network.detach(this.#endpoint);
    this.#endpoint = null;
    return Promise.resolve();
  }

  #deliver(message: Message): void {
    const own = this.#endpoint;
    const address = this.#peers.get(message.to);
    if (own === null || address === undefined) return;
    const target = this.#network.reach(this.#address, address);
    if (target === null) {
      own.handler.unreachable(message.to);
      return;
    }
    if (target.self().member.id !== message.to) return;
    if (!this.#greeted.has(address)) {
      this.#greeted.add(address);
      target.handler.connected({ id: own.self().member.id, address: this.#address });
    }
    this.#network.messages += 1;
    target.handler.receive(message);
  }

  #reach(id: number): Endpoint {
    const address = this.#peers.get(id);
    const target = address === undefined ? null : this.#network.reach(this.#address, address);
    if (target !== null) return target;
    const reason = `member ${id} cannot be reached`;
    throw new StoreError('NOT_SERVING', reason, { reason });
  }
}
