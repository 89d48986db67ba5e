/**
 * Where other members are: those that the configuration tells of, and those who greeted or introduced themselves, who have to be answered
 * before a configuration tells where they are. Bounded. Must not know what is sent.
 */
import type { MemberInfo } from './member.ts';
import type { Peer } from './transport.ts';

/** Those that no configuration tells of, at most; the one that was met first is forgotten first. */
const MAX_MET = 64;

export class PeerAddresses {
  readonly #self: number;
  readonly #changed: (peers: readonly Peer[]) => void;
  readonly #met = new Map<number, string>();
  #members: readonly MemberInfo[] = [];

  /** @param changed Called with all peers when they may have changed. */
  constructor(self: number, changed: (peers: readonly Peer[]) => void) {
    this.#self = self;
    this.#changed = changed;
  }

  /** The members of the configuration are these, from now on. */
  configured(members: readonly MemberInfo[]): void {
    this.#members = members;
    this.#tell();
  }

  /** Somebody said where it is. */
  met(id: number, address: string): void {
    if (id === this.#self || address === '' || this.#met.get(id) === address) return;
    if (this.#met.size >= MAX_MET) this.#met.delete([...this.#met.keys()][0] ?? 0);
    this.#met.set(id, address);
    this.#tell();
  }

  #tell(): void {
    const addresses = new Map(this.#met);
    for (const { id, peerAddress } of this.#members) if (peerAddress !== '') addresses.set(id, peerAddress);
    addresses.delete(this.#self);
    this.#changed([...addresses].map(([id, address]) => ({ id, address })));
  }
}
