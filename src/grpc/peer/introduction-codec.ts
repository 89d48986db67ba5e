/**
 * Introductions on the wire. What comes in is checked: it is shown to people, kept on disk and connected to.
 */
import type { Introduction, MemberInfo } from '../../cluster/member.ts';
import { StoreError } from '../../domain/errors.ts';
import { invalidArgument, validateText } from '../../domain/validate-text.ts';
import { Introduction as IntroductionMessage } from '../gen/graveyar/raft/v1/peer.ts';
import { decodeRequest } from '../request-reader.ts';
import { PROTOCOL_VERSION } from './peer-protocol.ts';

const longestName = 63;
/** A DNS name and a port. */
const longestAddress = 260;
const mostMembers = 100;

/** The Introduction message. */
export function encodeIntroduction({ member, clusterId, initialMembers, knownIds }: Introduction): Uint8Array {
  return IntroductionMessage.encode({
    protocolVersion: PROTOCOL_VERSION,
    member: { ...member },
    clusterId: clusterId ?? '',
    initialMembers: [...initialMembers],
    knownIds: [...knownIds],
  }).finish();
}

/** Reads the message. Throws INVALID_ARGUMENT, and MEMBERSHIP_REFUSED for another version of the protocol. */
export function readIntroduction(bytes: Uint8Array): Introduction {
  const message = decodeRequest(IntroductionMessage, bytes);
  const { protocolVersion, member, clusterId, initialMembers, knownIds } = message;
  if (protocolVersion !== PROTOCOL_VERSION) {
    const reason = `the other side speaks version ${protocolVersion} of the peer protocol, this member ${PROTOCOL_VERSION}`;
    throw new StoreError('MEMBERSHIP_REFUSED', reason, { reason });
  }
  if (member === undefined) throw invalidArgument('member', 'must be set');
  if (initialMembers.length > mostMembers || knownIds.length > mostMembers) {
    throw invalidArgument('initial_members', 'names too many members', `at most ${mostMembers}`);
  }
  validateText(clusterId, 0, longestName, () => 'cluster_id');
  for (const name of initialMembers) validateText(name, 1, longestName, () => 'initial_members');
  return { member: checkedMember(member), clusterId: clusterId === '' ? null : clusterId, initialMembers, knownIds };
}

function checkedMember({ id, name, peerAddress, clientAddress }: MemberInfo): MemberInfo {
  if (id === 0) throw invalidArgument('member.id', 'must be set');
  validateText(name, 1, longestName, () => 'member.name');
  validateText(peerAddress, 0, longestAddress, () => 'member.peer_address');
  validateText(clientAddress, 0, longestAddress, () => 'member.client_address');
  return { id, name, peerAddress, clientAddress };
}
