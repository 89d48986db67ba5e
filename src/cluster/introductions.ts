/**
 * How members that may not share a configuration yet tell each other who they are, and how one that asks to join gets to the leader.
 *
 * Invariant: a wish to join is passed on once at a time, so that two members that take each other for the leader do not pass it on for
 * ever. Must not know how a configuration changes.
 */
import { StoreError } from '../domain/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Configuration } from './configuration.ts';
import { memberIds } from './configuration.ts';
import type { Introduction, MemberInfo } from './member.ts';
import type { Beginning } from './replicated-node.ts';
import type { Transport } from './transport.ts';

/** To say who one is takes no time: an address that is silent for so long has nobody. */
const ANSWER_MILLIS = 5000;
const NO_TRANSPORT = 'this server was started without a peer address, and cannot have other members';

export interface IntroductionsParts {
  readonly self: MemberInfo;
  readonly beginning: Beginning;
  readonly transport: Transport | null;
  readonly clock: Clock;
  /** Where a member is, as far as is known. */
  readonly addressOf: (id: number) => string | undefined;
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
    const { transport, clock } = this.#parts;
    if (transport === null) throw new StoreError('MEMBERSHIP_REFUSED', NO_TRANSPORT, { reason: NO_TRANSPORT });
    try {
      const expired = (): Error => new Error(`no answer within ${ANSWER_MILLIS} ms`);
      return await withDeadline(clock, ANSWER_MILLIS, signal, expired, (own) =>
        transport.introduce(address, this.own(), own),
      );
    } catch (error) {
      signal.throwIfAborted();
      const reason = `nobody answers as a member at ${address}: ${error instanceof Error ? error.message : String(error)}`;
      throw new StoreError('MEMBERSHIP_REFUSED', reason, { reason }, { cause: error });
    }
  }

  /** This member asks the leader to be described as it is. */
  async tell(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const expired = (): Error => new Error('the leader did not answer in time');
    await withDeadline(clock, ANSWER_MILLIS, signal, expired, (own) => this.join(this.own(), own));
  }

  /** Somebody asks to join, or has moved: has it added or described, or passes it on to the leader. */
  async join(other: Introduction, signal: AbortSignal): Promise<void> {
    const { transport, member, add, addressOf } = this.#parts;
    const leader = addressOf(member.leaderId);
    if (leader === undefined || transport === null || this.#passingOn.has(other.member.id)) {
      await add(other, signal);
      return;
    }
    this.#passingOn.add(other.member.id);
    try {
      await transport.join(leader, other, signal);
    } finally {
      this.#passingOn.delete(other.member.id);
    }
  }
}
