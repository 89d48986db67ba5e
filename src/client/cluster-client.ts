/**
 * The members of a store, from the outside: who they are, how they are, and changing them. Any member can be asked.
 */
import {
  AddLearnerRequest,
  AddLearnerResponse,
  ClusterService,
  ClusterStatusResponse,
  FoundRequest,
  ListMembersResponse,
  MemberRole,
  PromoteRequest,
  RemoveRequest,
  ReplaceRequest,
  TransferLeadershipRequest,
  WatchResponse,
} from '../grpc/gen/graveyar/v1/cluster.ts';
import type { ClusterMember as MemberMessage, ClusterState as StateMessage } from '../grpc/gen/graveyar/v1/cluster.ts';
import type { Caller } from './caller.ts';
import type { CallOptions } from './client-options.ts';
import { GraveyarError } from './errors.ts';

/** A member. What the member that answers does not know is null. */
export interface ClusterMember {
  readonly id: number;
  readonly name: string;
  /** `host:port` for other members. */
  readonly peerAddress: string;
  /** `host:port` for clients. */
  readonly clientAddress: string;
  readonly role: 'leader' | 'voter' | 'learner';
  /** Leaving, or on its way from voter to learner. */
  readonly outgoing: boolean;
  /** Heard of within an election timeout. */
  readonly active: boolean | null;
  /** The last log entry known to be on its disk. */
  readonly matchIndex: number | null;
  /** It is being sent a snapshot. */
  readonly snapshotting: boolean | null;
}

/** What one member knows. */
export interface ClusterState {
  /** Null: it belongs to no cluster yet. */
  readonly clusterId: string | null;
  /** The member that answers, and what it is: leader, follower, candidate, learner, waiting or removed. */
  readonly memberId: number;
  readonly role: string;
  readonly term: number;
  readonly leaderId: number | null;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** How many events its readers see. */
  readonly events: number;
  /** A change of members is under way. */
  readonly changing: boolean;
  readonly members: readonly ClusterMember[];
}

/** Whom to add. */
export interface AddLearnerOptions extends CallOptions {
  /** Refused when another member is at the address. Default: whoever is there. */
  readonly memberId?: number;
}

const nothing = new Uint8Array(0);
const ignored = (): void => undefined;

/** The cluster of one client. Made by the client. */
export class ClusterClient {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** What the member that happens to be asked knows. */
  status(options: CallOptions = {}): Promise<ClusterState> {
    const { path } = ClusterService.status;
    return this.#caller.unary(path, nothing, (answer) => stateOf(ClusterStatusResponse.decode(answer).state), options);
  }

  /** The members as the leader sees them. */
  members(options: CallOptions = {}): Promise<readonly ClusterMember[]> {
    const { path } = ClusterService.listMembers;
    const decode = (answer: Uint8Array): ClusterMember[] => ListMembersResponse.decode(answer).members.map(memberOf);
    return this.#caller.unary(path, nothing, decode, options);
  }

  /**
   * Makes a cluster with this id of the one member that is asked, which must be the named one and wait for a cluster. It is asked
   * for at one address only, which the client must have been given alone: it is the member's own to answer. May be repeated.
   */
  found(clusterId: string, memberId: number, options: CallOptions = {}): Promise<void> {
    const request = FoundRequest.encode({ clusterId, memberId }).finish();
    return this.#caller.unary(ClusterService.found.path, request, ignored, options);
  }

  /** Adds whoever listens at a peer address as a member without a vote; with `memberId`, only when it is that member. */
  addLearner(peerAddress: string, options: AddLearnerOptions = {}): Promise<ClusterMember> {
    const request = AddLearnerRequest.encode({ peerAddress, memberId: options.memberId }).finish();
    const decode = (answer: Uint8Array): ClusterMember => {
      const { member } = AddLearnerResponse.decode(answer);
      if (member === undefined) throw malformed();
      return memberOf(member);
    };
    return this.#caller.unary(ClusterService.addLearner.path, request, decode, options);
  }

  /** Gives a learner a vote; refused until it has caught up. */
  promote(memberId: number, options: CallOptions = {}): Promise<void> {
    const request = PromoteRequest.encode({ memberId }).finish();
    return this.#caller.unary(ClusterService.promote.path, request, ignored, options);
  }

  /** Takes a member out. An id that no member has is a success: it was removed before. */
  remove(memberId: number, options: CallOptions = {}): Promise<void> {
    const request = RemoveRequest.encode({ memberId }).finish();
    return this.#caller.unary(ClusterService.remove.path, request, ignored, options);
  }

  /** Takes a voter out and gives a learner that has caught up its vote, in one step. */
  replace(oldMemberId: number, newMemberId: number, options: CallOptions = {}): Promise<void> {
    const request = ReplaceRequest.encode({ oldMemberId, newMemberId }).finish();
    return this.#caller.unary(ClusterService.replace.path, request, ignored, options);
  }

  /** Hands leadership to a voter, null: to the one that is furthest on. */
  transferLeadership(memberId: number | null, options: CallOptions = {}): Promise<void> {
    const request = TransferLeadershipRequest.encode({ memberId: memberId ?? undefined }).finish();
    return this.#caller.unary(ClusterService.transferLeadership.path, request, ignored, options);
  }

  /** The state of the member that happens to be asked, now and after every change. Rejects when that member goes away. */
  async *watch(options: CallOptions = {}): AsyncGenerator<ClusterState, void, undefined> {
    for await (const message of this.#caller.stream(ClusterService.watch.path, nothing, options)) {
      yield stateOf(WatchResponse.decode(message).state);
    }
  }
}

function stateOf(message: StateMessage | undefined): ClusterState {
  if (message === undefined) throw malformed();
  const { clusterId, leaderId = null, members, ...rest } = message;
  return { ...rest, clusterId: clusterId === '' ? null : clusterId, leaderId, members: members.map(memberOf) };
}

function memberOf(message: MemberMessage): ClusterMember {
  const { active = null, matchIndex = null, snapshotting = null, role, ...rest } = message;
  return { ...rest, role: roleOf(role), active, matchIndex, snapshotting };
}

function roleOf(role: MemberRole): ClusterMember['role'] {
  if (role === MemberRole.MEMBER_ROLE_LEADER) return 'leader';
  return role === MemberRole.MEMBER_ROLE_LEARNER ? 'learner' : 'voter';
}

function malformed(): GraveyarError {
  return new GraveyarError('INTERNAL', 'the server answered with an empty message', false);
}
