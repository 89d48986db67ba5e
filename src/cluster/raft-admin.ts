/**
 * The operations on a cluster's membership, made of configuration changes of the Raft core.
 *
 * Invariants: one change at a time, checked against the configuration that is applied here; an operation resolves when its effect is
 * applied here, a joint configuration left again, and no loss of power takes the members that remain back to the configuration before,
 * so that whoever was removed can be thrown away; asking again for what is there already does nothing. Must not know gRPC.
 */
import { StoreError } from '../domain/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { ConfChange, ConfChangeSingle } from '../raft/conf-change.ts';
import { confChange, ConfChangeTransition, ConfChangeType } from '../raft/conf-change.ts';
import { ProgressState } from '../raft/status.ts';
import { CAUGHT_UP_ENTRIES } from './caught-up.ts';
import type { ClusterAdmin, ClusterStatus, LeaderHint, MemberStatus } from './cluster-admin.ts';
import { clusterStatus } from './cluster-status.ts';
import type { Configuration } from './configuration.ts';
import { encodeMembers, memberIds } from './configuration.ts';
import type { Founding } from './founding.ts';
import type { Leadership } from './leadership.ts';
import type { Introduction, MemberInfo } from './member.ts';
import { notLeader } from './not-leader.ts';
import { majorityAnswers } from './quorum-guard.ts';
import type { RaftDriver } from './raft-driver.ts';
import { isDescribedAs } from './self-description.ts';
import { watchStatus } from './watch-status.ts';

/** How long the first write of a cluster may take. */
const FOUNDING_MILLIS = 30_000;

export interface RaftAdminParts {
  readonly driver: RaftDriver;
  readonly leadership: Leadership;
  readonly clock: Clock;
  /** Asks whoever listens at a peer address who it is. */
  readonly introduce: (address: string, signal: AbortSignal) => Promise<Introduction>;
  readonly founding: Founding;
  readonly removed: () => boolean;
}

export class RaftAdmin implements ClusterAdmin {
  readonly #driver: RaftDriver;
  readonly #leadership: Leadership;
  readonly #parts: RaftAdminParts;

  constructor(parts: RaftAdminParts) {
    this.#parts = parts;
    this.#driver = parts.driver;
    this.#leadership = parts.leadership;
  }

  leader(): LeaderHint {
    return this.#leadership.hint;
  }

  waitForLeader(signal: AbortSignal): Promise<LeaderHint> {
    return this.#leadership.known(signal);
  }

  status(): ClusterStatus {
    return clusterStatus(this.#driver, this.#parts.removed());
  }

  found(clusterId: string, memberId: number, signal: AbortSignal): Promise<void> {
    const expired = (): StoreError => {
      const reason = `the cluster was not made within ${FOUNDING_MILLIS} ms, and may be made later`;
      return new StoreError('OUTCOME_UNKNOWN', reason, { reason });
    };
    const found = (): Promise<void> => this.#parts.founding.found(clusterId, memberId);
    return withDeadline(this.#parts.clock, FOUNDING_MILLIS, signal, expired, found);
  }

  async addLearner(peerAddress: string, signal: AbortSignal, memberId?: number): Promise<MemberStatus> {
    this.#assertLeading();
    const introduction = await this.#parts.introduce(peerAddress, signal);
    const { id, name } = introduction.member;
    if (memberId !== undefined && id !== memberId) {
      throw refused(`at ${peerAddress} is ${name}, member ${id}, not member ${memberId}`);
    }
    await this.addIntroduced(introduction, signal);
    const added = this.status().members.find((member) => member.id === id);
    if (added === undefined) throw unknown('it was added, and is no member any more');
    return added;
  }

  /** The same for somebody who has introduced itself. */
  async addIntroduced({ member, clusterId }: Introduction, signal: AbortSignal): Promise<void> {
    this.#assertLeading();
    const { configuration } = this.#driver;
    if (clusterId !== null && clusterId !== configuration.clusterId) {
      throw refused(`${member.name} at ${member.peerAddress} belongs to another cluster, ${clusterId}`);
    }
    if (memberIds(configuration.confState).has(member.id)) return this.#describe(member, signal);
    if (clusterId !== null)
      throw refused(`${member.name} was a member before; a member never comes back with its old disk`);
    const namesake = configuration.members.find(({ name }) => name === member.name);
    if (namesake !== undefined && configuration.confState.learners.includes(namesake.id)) {
      throw refused(`a learner with the name ${member.name} is there already, member ${namesake.id}; remove it first`);
    }
    await this.#change(
      [{ type: ConfChangeType.AddLearnerNode, nodeId: member.id }],
      [member],
      ({ confState }) => confState.learners.includes(member.id),
      signal,
    );
  }

  /** A member may have moved since it was described. */
  async #describe(member: MemberInfo, signal: AbortSignal): Promise<void> {
    const described = ({ members }: Configuration): boolean => members.some((known) => isDescribedAs(known, member));
    if (described(this.#driver.configuration)) return;
    await this.#change([{ type: ConfChangeType.UpdateNode, nodeId: member.id }], [member], described, signal);
  }

  async promote(memberId: number, signal: AbortSignal): Promise<void> {
    this.#assertLeading();
    const { confState } = this.#configurationWith(memberId);
    if (confState.voters.includes(memberId)) return;
    this.#assertCaughtUp(memberId);
    const promoted = (configuration: Configuration): boolean => configuration.confState.voters.includes(memberId);
    await this.#change([{ type: ConfChangeType.AddNode, nodeId: memberId }], [], promoted, signal);
  }

  async remove(memberId: number, signal: AbortSignal): Promise<void> {
    this.#assertLeading();
    const isGone = (): boolean => !memberIds(this.#driver.configuration.confState).has(memberId);
    const votersAfter = (): readonly number[] => {
      this.#assertLeading();
      const { voters } = this.#driver.configuration.confState;
      if (voters.length === 1 && voters[0] === memberId) {
        throw refused('it is the only voter: without it there is no cluster');
      }
      return voters.includes(memberId) ? voters.filter((id) => id !== memberId) : [];
    };
    await majorityAnswers(this.#driver, this.#parts.clock, votersAfter, signal);
    if (isGone()) await this.#settled(signal);
    else await this.#change([{ type: ConfChangeType.RemoveNode, nodeId: memberId }], [], isGone, signal);
  }

  async replace(oldId: number, newId: number, signal: AbortSignal): Promise<void> {
    this.#assertLeading();
    const before = this.#configurationWith(newId).confState;
    if (!memberIds(before).has(oldId) && before.voters.includes(newId)) return this.#settled(signal);
    if (!this.#configurationWith(oldId).confState.voters.includes(oldId)) throw refused(`member ${oldId} is no voter`);
    if (!before.learners.includes(newId)) throw refused(`member ${newId} is no learner`);
    // Whoever has caught up answers: as many voters do after as before.
    this.#assertCaughtUp(newId);
    const replaced = ({ confState }: Configuration): boolean => {
      return confState.voters.includes(newId) && !memberIds(confState).has(oldId);
    };
    const steps = [
      { type: ConfChangeType.AddNode, nodeId: newId },
      { type: ConfChangeType.RemoveNode, nodeId: oldId },
    ];
    await this.#change(steps, [], replaced, signal);
  }

  async transferLeadership(memberId: number | null, signal: AbortSignal): Promise<void> {
    this.#assertLeading();
    const driver = this.#driver;
    if (memberId !== null && !this.#configurationWith(memberId).confState.voters.includes(memberId)) {
      throw refused(`member ${memberId} is no voter`);
    }
    const target = memberId ?? driver.successor();
    if (target === driver.id) return;
    if (target === null) throw refused('no other voter answers');
    const millis = 2 * driver.electionMillis;
    const expired = (): StoreError => refused(`member ${target} did not take over within ${millis} ms`);
    this.#leadership.handingTo = target;
    try {
      driver.transferLeadership(target);
      await withDeadline(this.#parts.clock, millis, signal, expired, (own) =>
        this.#leadership.until(() => (driver.leaderId !== 0 && driver.leaderId !== driver.id ? true : null), own),
      );
    } finally {
      this.#leadership.handingTo = null;
    }
  }

  watch(signal: AbortSignal): AsyncIterable<ClusterStatus> {
    return watchStatus(this, this.#leadership, this.#parts.clock, signal);
  }

  #assertLeading(): void {
    const { hint } = this.#leadership;
    if (!hint.self) throw notLeader(hint);
  }

  #configurationWith(memberId: number): Configuration {
    const { configuration } = this.#driver;
    if (memberIds(configuration.confState).has(memberId)) return configuration;
    throw new StoreError('MEMBER_NOT_FOUND', `the cluster has no member ${memberId}`, { memberId: String(memberId) });
  }

  #assertCaughtUp(memberId: number): void {
    const { progress, lastIndex } = this.#driver.status();
    const seen = progress.find(({ id }) => id === memberId);
    const behind = lastIndex - (seen?.match ?? 0);
    if (seen === undefined || !this.#driver.answers(memberId, progress))
      throw refused(`member ${memberId} does not answer`);
    if (behind <= CAUGHT_UP_ENTRIES && seen.state === ProgressState.Replicate) return;
    throw refused(`member ${memberId} has not caught up: it is ${behind} entries behind`);
  }

  async #change(
    steps: readonly ConfChangeSingle[],
    described: readonly MemberInfo[],
    reached: (configuration: Configuration) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const driver = this.#driver;
    const { term } = driver;
    const change: ConfChange = confChange(steps, ConfChangeTransition.Auto, encodeMembers(described));
    const result = driver.proposeConfChange(change);
    if (result === null) throw new StoreError('NOT_SERVING', 'the store failed or is closed', { reason: 'closed' });
    if (!result.ok) {
      if (result.reason === 'no-leader' || result.reason === 'forwarding-disabled')
        throw notLeader(this.#leadership.hint);
      throw refused(`the leader takes no changes now: ${result.reason}`);
    }
    if (result.ignoredConfChange !== null) throw refused(`another change is under way: ${result.ignoredConfChange}`);
    await this.#leadership.until(() => {
      const { configuration, applier } = driver;
      if (applier.appliedIndex >= result.index) {
        if (configuration.confState.votersOutgoing.length === 0 && reached(configuration)) return true;
        if (driver.term === term && configuration.confState.votersOutgoing.length === 0) {
          throw refused('the change is not possible on top of the configuration there is');
        }
      }
      if (driver.term === term && driver.leading) return null;
      if (reached(configuration)) return true;
      throw unknown('this member leads no more, and the change may or may not be made');
    }, signal);
    if (memberIds(driver.configuration.confState).has(driver.id)) await this.#settled(signal);
  }

  /** Waits until a majority of the configuration in force has it on disk that this is the one. */
  async #settled(signal: AbortSignal): Promise<void> {
    const driver = this.#driver;
    const { term } = driver;
    await this.#leadership.until(() => {
      if (driver.term !== term || !driver.leading) throw unknown('the change is made, but this member leads no more');
      return driver.settling.done ? true : null;
    }, signal);
  }
}

function unknown(reason: string): StoreError<'OUTCOME_UNKNOWN'> {
  return new StoreError('OUTCOME_UNKNOWN', `${reason}: look at the members`, { reason });
}

function refused(reason: string): StoreError<'MEMBERSHIP_REFUSED'> {
  return new StoreError('MEMBERSHIP_REFUSED', reason, { reason });
}
