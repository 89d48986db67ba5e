/**
 * A leader that is described otherwise than it is says so in the log: its addresses may have changed with a restart. Must not know who
 * reads it.
 */
import type { ConfChange } from '../raft/conf-change.ts';
import { confChange, ConfChangeTransition, ConfChangeType } from '../raft/conf-change.ts';
import type { ProposalResult } from '../raft/results.ts';
import type { Configuration } from './configuration.ts';
import { encodeMembers } from './configuration.ts';
import type { MemberInfo } from './member.ts';

/** What it has to know and do. */
export interface DescribedMember {
  readonly deciding: boolean;
  readonly configuration: Configuration;
  readonly applier: { readonly appliedIndex: number };
  proposeConfChange(change: ConfChange): ProposalResult | null;
}

export class SelfDescription {
  readonly #self: MemberInfo;
  readonly #member: DescribedMember;
  /** Nothing is proposed before this index is applied. */
  #describedAt = 0;

  constructor(self: MemberInfo, member: DescribedMember) {
    this.#self = self;
    this.#member = member;
  }

  /** Entries were applied: proposes what is to be said, once. */
  look(): void {
    const self = this.#self;
    const member = this.#member;
    if (!member.deciding || member.applier.appliedIndex < this.#describedAt) return;
    const known = member.configuration.members.find(({ id }) => id === self.id);
    if (known === undefined || isSame(known, self)) return;
    const step = { type: ConfChangeType.UpdateNode, nodeId: self.id };
    const result = member.proposeConfChange(confChange([step], ConfChangeTransition.Auto, encodeMembers([self])));
    if (result?.ok === true) this.#describedAt = result.index;
  }
}

function isSame(one: MemberInfo, other: MemberInfo): boolean {
  const { name, peerAddress, clientAddress } = other;
  return one.name === name && one.peerAddress === peerAddress && one.clientAddress === clientAddress;
}
