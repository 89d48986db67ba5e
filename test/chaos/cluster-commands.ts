/**
 * What a chaos run asks of the product's cluster commands: how members are told of each other, who leads, and changes of the
 * membership. The one place to adapt when those commands change.
 */
import type { Member } from './member.ts';
import type { Host } from './network/network.ts';

/** The flags of a member of a static list; none for a single node. */
export function clusterFlags(
  name: string,
  host: Host,
  peerPort: number,
  all: readonly { readonly name: string; readonly peerAddress: string }[],
): string[] {
  if (all.length === 1) return [];
  const list = all.map((member) => `${member.name}=${member.peerAddress}`).join(',');
  return ['--name', name, ...peerFlags(host, peerPort), '--initial-members', list];
}

/** The flags of a member that asks others to be added to their store. */
export function joinFlags(name: string, host: Host, peerPort: number, others: readonly Member[]): string[] {
  const list = others.map(({ peerAddress }) => peerAddress).join(',');
  return ['--name', name, ...peerFlags(host, peerPort), '--join', list];
}

/** Where a member listens for clients, and where they reach it. */
export function clientFlags({ address, listen = address }: Host, port: number): string[] {
  const own = ['--host', listen, '--port', String(port)];
  return listen === address ? own : [...own, '--advertise-client', `${address}:${port}`];
}

function peerFlags({ address, listen = address }: Host, port: number): string[] {
  const own = ['--peer-host', listen, '--peer-port', String(port)];
  return listen === address ? own : [...own, '--advertise-peer', `${address}:${port}`];
}

/** The member that leads, as far as the members' logs say; null when none says so. */
export function leaderOf(members: readonly Member[]): Member | null {
  let leader: Member | null = null;
  for (const member of members) {
    if (member.leadsTerm !== null && member.leadsTerm > (leader?.leadsTerm ?? -1)) leader = member;
  }
  return leader;
}
