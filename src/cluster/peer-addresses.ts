/**
 * Where other members are: those that the configuration tells of, and those who greeted or introduced themselves, who have to be answered
 * before a configuration tells where they are, or tells it anew: a member may have moved. What was heard last holds. Bounded. Must not
 * know what is sent.
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
    const now = new Map(members.map(({ id, peerAddress }) => [id, peerAddress]));
    // What is configured may be older than what was heard, as it is applied late: it only confirms that, or ends it.
    for (const { id } of this.#members) if (!now.has(id)) this.#met.delete(id);
    for (const [id, address] of now) if (this.#met.get(id) === address) this.#met.delete(id);
    this.#members = members;
    this.#tell();
  }

  /** Where this member was heard of last; undefined when it is not known. */
  of(id: number): string | undefined {
    return this.#known().get(id);
  }

  /** Somebody said where it is. */
  met(id: number, address: string): void {
    if (id === this.#self || address === '' || this.#met.get(id) === address) return;
    // The oldest is last again when it moves.
    this.#met.delete(id);
    if (this.#met.size >= MAX_MET) this.#met.delete([...this.#met.keys()][0] ?? 0);
    this.#met.set(id, address);
    this.#tell();
  }

  #tell(): void {
    this.#changed([...this.#known()].map(([id, address]) => ({ id, address })));
  }

  #known(): Map<number, string> {
    const addresses = new Map<number, string>();
    for (const { id, peerAddress } of this.#members) if (peerAddress !== '') addresses.set(id, peerAddress);
    for (const [id, address] of this.#met) addresses.set(id, address);
    addresses.delete(this.#self);
    return addresses;
  }
}
