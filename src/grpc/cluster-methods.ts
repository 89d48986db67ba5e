/**
 * The Cluster service: its requests, what each does, and its answers. Changes and the list of members are the leader's to answer.
 */
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { ClusterAdmin, MemberStatus } from '../cluster/cluster-admin.ts';
import { invalidArgument, validateText } from '../domain/validate-text.ts';
import type { CallContext } from './call-context.ts';
import { memberMessage, stateMessage } from './cluster-state.ts';
import { forwardedMethod } from './forwarded-method.ts';
import type { Forwarder } from './forwarder.ts';
import {
  AddLearnerRequest,
  AddLearnerResponse,
  ClusterService,
  ClusterStatusResponse,
  FoundRequest,
  ListMembersResponse,
  PromoteRequest,
  RemoveRequest,
  ReplaceRequest,
  TransferLeadershipRequest,
  WatchResponse,
} from './gen/graveyar/v1/cluster.ts';
import { decodeRequest } from './request-reader.ts';
import type { ServerCall } from './server-call.ts';
import { StreamingCall } from './streaming-call.ts';
import { UnaryCall } from './unary-call.ts';
import type { UnaryMethod } from './unary-call.ts';

type CallFactory = (base: ServerInterceptingCallInterface, context: CallContext, name: string) => ServerCall;

/** A DNS name and a port. */
const longestAddress = 260;
const highestPort = 65_535;
const clusterIdRule = /^[A-Za-z0-9-]{1,63}$/;
const empty = new Uint8Array(0);
const readNothing = (): null => null;

/** Makes the calls of each method. */
export function clusterMethods(
  admin: ClusterAdmin,
  forwarder: Forwarder,
): Record<keyof typeof ClusterService, CallFactory> {
  const changes = changesOf(admin);
  const atLeader = <Request, Response>(
    key: keyof typeof ClusterService,
    definition: UnaryMethod<Request, Response>,
    repeatable: boolean,
  ): CallFactory => {
    const method = forwardedMethod(definition, ClusterService[key].path, forwarder, repeatable);
    return (base, context, name) => new UnaryCall(base, context, name, method);
  };
  const status: UnaryMethod<null, Uint8Array> = {
    read: readNothing,
    run: () => Promise.resolve(ClusterStatusResponse.encode({ state: stateMessage(admin.status()) }).finish()),
    encode: (bytes) => bytes,
  };
  const listMembers: UnaryMethod<null, Uint8Array> = {
    read: readNothing,
    run: () => {
      const { members, clusterId } = admin.status();
      const message = { members: members.map(memberMessage), clusterId: clusterId ?? '' };
      return Promise.resolve(ListMembersResponse.encode(message).finish());
    },
    encode: (bytes) => bytes,
  };
  return {
    status: (base, context, name) => new UnaryCall(base, context, name, status),
    listMembers: atLeader('listMembers', listMembers, true),
    found: (base, context, name) => new UnaryCall(base, context, name, changes.found),
    addLearner: atLeader('addLearner', changes.addLearner, false),
    promote: atLeader('promote', changes.promote, false),
    remove: atLeader('remove', changes.remove, false),
    replace: atLeader('replace', changes.replace, false),
    transferLeadership: atLeader('transferLeadership', changes.transferLeadership, false),
    watch: (base, context, name) =>
      new StreamingCall(base, context, name, {
        read: readNothing,
        run: (_, signal) => admin.watch(signal),
        encode: (state) => WatchResponse.encode({ state: stateMessage(state) }).finish(),
        endless: true,
      }),
  };
}

interface Changes {
  readonly found: UnaryMethod<readonly [string, number], void>;
  readonly addLearner: UnaryMethod<readonly [string, number | undefined], MemberStatus>;
  readonly promote: UnaryMethod<number, void>;
  readonly remove: UnaryMethod<number, void>;
  readonly replace: UnaryMethod<readonly [number, number], void>;
  readonly transferLeadership: UnaryMethod<number | null, void>;
}

function changesOf(admin: ClusterAdmin): Changes {
  const encode = (): Uint8Array => empty;
  return {
    found: {
      read: (message) => {
        const { clusterId, memberId } = decodeRequest(FoundRequest, message);
        return [readClusterId(clusterId), required('member_id', memberId)];
      },
      run: ([clusterId, memberId], signal) => admin.found(clusterId, memberId, signal),
      encode,
    },
    addLearner: {
      read: (message) => {
        const { peerAddress, memberId } = decodeRequest(AddLearnerRequest, message);
        return [readAddress(peerAddress), optional('member_id', memberId)];
      },
      run: ([address, memberId], signal) => admin.addLearner(address, signal, memberId),
      encode: (member) => AddLearnerResponse.encode({ member: memberMessage(member) }).finish(),
    },
    promote: {
      read: (message) => required('member_id', decodeRequest(PromoteRequest, message).memberId),
      run: (id, signal) => admin.promote(id, signal),
      encode,
    },
    remove: {
      read: (message) => required('member_id', decodeRequest(RemoveRequest, message).memberId),
      run: (id, signal) => admin.remove(id, signal),
      encode,
    },
    replace: {
      read: (message) => {
        const { oldMemberId, newMemberId } = decodeRequest(ReplaceRequest, message);
        return [required('old_member_id', oldMemberId), required('new_member_id', newMemberId)];
      },
      run: ([oldId, newId], signal) => admin.replace(oldId, newId, signal),
      encode,
    },
    transferLeadership: {
      read: (message) => optional('member_id', decodeRequest(TransferLeadershipRequest, message).memberId) ?? null,
      run: (id, signal) => admin.transferLeadership(id, signal),
      encode,
    },
  };
}

function required(field: string, id: number): number {
  if (id === 0) throw invalidArgument(field, 'must be set');
  return id;
}

function optional(field: string, id: number | undefined): number | undefined {
  return id === undefined ? undefined : required(field, id);
}

function readClusterId(clusterId: string): string {
  if (clusterIdRule.test(clusterId)) return clusterId;
  throw invalidArgument('cluster_id', 'must be letters, digits and hyphens', '1 to 63 letters, digits and hyphens');
}

function readAddress(address: string): string {
  validateText(address, 1, longestAddress, () => 'peer_address');
  const port = /^.+:(\d+)$/.exec(address)?.[1];
  if (port === undefined) throw invalidArgument('peer_address', 'has no host and port', 'host:port');
  if (Number(port) < 1 || Number(port) > highestPort) {
    throw invalidArgument('peer_address', `has the port ${port}`, `a port from 1 to ${highestPort}`);
  }
  return address;
}
