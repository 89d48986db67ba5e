/**
 * A member that is described otherwise than it is, as its addresses may have changed with a restart, has it put right: by a change of its own
 * when it leads, else by asking the leader, again and again until it is so. Must not know who reads it.
 */
import { delay } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import type { ConfChange } from '../raft/conf-change.ts';
import { confChange, ConfChangeTransition, ConfChangeType } from '../raft/conf-change.ts';
import type { ProposalResult } from '../raft/results.ts';
import type { Configuration } from './configuration.ts';
import { encodeMembers } from './configuration.ts';
import type { MemberInfo } from './member.ts';

const REPEAT_MILLIS = 2000;

/** What it has to know and do. */
export interface DescribedMember {
  readonly deciding: boolean;
  readonly leading: boolean;
  /** 0: none is known. */
  readonly leaderId: number;
  readonly configuration: Configuration;
  readonly applier: { readonly appliedIndex: number };
  proposeConfChange(change: ConfChange): ProposalResult | null;
}

export interface SelfDescriptionParts {
  readonly self: MemberInfo;
  readonly member: DescribedMember;
  /** Asks the leader to describe this member as it is. */
  readonly ask: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  /** The end of it. */
  readonly signal: AbortSignal;
}

export class SelfDescription {
  readonly #parts: SelfDescriptionParts;
  /** Nothing is proposed before this index is applied. */
  #describedAt = 0;
  #asking = false;

  constructor(parts: SelfDescriptionParts) {
    this.#parts = parts;
  }

  /** Entries were applied, or another member leads: sees to it that what is said is right. Never throws. */
  look(): void {
    const { self, member } = this.#parts;
    const known = member.configuration.members.find(({ id }) => id === self.id);
    if (known === undefined || isDescribedAs(known, self)) return;
    if (member.leading) this.#propose();
    else if (member.leaderId !== 0) void this.#ask();
  }

  #propose(): void {
    const { self, member } = this.#parts;
    if (!member.deciding || member.applier.appliedIndex < this.#describedAt) return;
    const step = { type: ConfChangeType.UpdateNode, nodeId: self.id };
    const result = member.proposeConfChange(confChange([step], ConfChangeTransition.Auto, encodeMembers([self])));
    if (result?.ok === true) this.#describedAt = result.index;
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const { ask, clock, signal } = this.#parts;
    try {
      // Whatever was in the way may not be there the next time.
      await ask(signal).catch(() => undefined);
      await delay(clock, REPEAT_MILLIS, signal);
    } catch {
      return;
    } finally {
      this.#asking = false;
    }
    this.look();
  }
}

/** Whether both say the same of a member. */
export function isDescribedAs(one: MemberInfo, other: MemberInfo): boolean {
  const { id, name, peerAddress, clientAddress } = other;
  return one.id === id && one.name === name && one.peerAddress === peerAddress && one.clientAddress === clientAddress;
}
