/**
 * How members that may not share a configuration yet tell each other who they are, and how one that asks to join gets to the leader.
 *
 * Invariant: a wish to join is passed on once at a time, so that two members that take each other for the leader do not pass it on for
 * ever. Must not know how a configuration changes.
 */
import { StoreError } from '../domain/errors.ts';
import type { Configuration } from './configuration.ts';
import { memberIds } from './configuration.ts';
import type { Introduction, MemberInfo } from './member.ts';
import type { Beginning } from './replicated-node.ts';
import type { Transport } from './transport.ts';

const NO_TRANSPORT = 'this server was started without a peer address, and cannot have other members';

export interface IntroductionsParts {
  readonly self: MemberInfo;
  readonly beginning: Beginning;
  readonly transport: Transport | null;
  readonly member: { readonly leaderId: number; readonly configuration: Configuration };
  /** As far as this process knows; may be ahead of the configuration. */
  readonly clusterId: () => string | null;
  /** Adds whoever has introduced itself, when this member leads. */
  readonly add: (other: Introduction, signal: AbortSignal) => Promise<unknown>;
}

export class Introductions {
  readonly #parts: IntroductionsParts;
  /** Those whose wish to join is being passed on to the leader. */
  readonly #passingOn = new Set<number>();

  constructor(parts: IntroductionsParts) {
    this.#parts = parts;
  }

  /** Who this member is. */
  own(): Introduction {
    const { self, beginning, member, clusterId } = this.#parts;
    const names = beginning.kind === 'initial-members' ? beginning.members.map(({ name }) => name).sort() : [];
    const knownIds = [...memberIds(member.configuration.confState)];
    return { member: self, clusterId: clusterId(), initialMembers: names, knownIds };
  }

  /** Asks whoever listens at a peer address. MEMBERSHIP_REFUSED when nobody answers, or the signal's reason. */
  async ask(address: string, signal: AbortSignal): Promise<Introduction> {
    const { transport } = this.#parts;
    if (transport === null) throw new StoreError('MEMBERSHIP_REFUSED', NO_TRANSPORT, { reason: NO_TRANSPORT });
    try {
      return await transport.introduce(address, this.own(), signal);
    } catch (error) {
      signal.throwIfAborted();
      const reason = `nobody answers at ${address}: ${error instanceof Error ? error.message : String(error)}`;
      throw new StoreError('MEMBERSHIP_REFUSED', reason, { reason }, { cause: error });
    }
  }

  /** Somebody asks to join: adds it, or passes it on to the leader. */
  async join(other: Introduction, signal: AbortSignal): Promise<void> {
    const { self, transport, member, add } = this.#parts;
    const { leaderId, configuration } = member;
    const leader = configuration.members.find(({ id }) => id === leaderId && id !== self.id);
    if (leader === undefined || transport === null || this.#passingOn.has(other.member.id)) {
      await add(other, signal);
      return;
    }
    this.#passingOn.add(other.member.id);
    try {
      await transport.join(leader.peerAddress, other, signal);
    } finally {
      this.#passingOn.delete(other.member.id);
    }
  }
}
