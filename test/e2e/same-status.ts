/**
 * `kubectl get graveyarclusters` and `graveyar cluster status` tell the same, word for word: of the cluster, its leader and every member.
 */
import type { ClusterStatus } from '../../operator/api/cluster-status.ts';
import type { ClusterState } from '../../src/client/index.ts';
import type { Scene } from './scene.ts';

/**
 * Nothing is appended meanwhile, so that logs stand still and are equal to the entry: the operator writes how far they are every ten
 * seconds, in which a busy log goes on without bound.
 */
export async function sameStatus({ cluster, quietly, note }: Scene): Promise<void> {
  console.log(await cluster.kubectl('get', 'graveyarclusters', '--all-namespaces'));
  console.log(await cluster.graveyar('cluster', 'status'));
  let same: string[] = [];
  await quietly(() =>
    cluster.until('both to say the same', async () => {
      const said = saidByStore(JSON.parse(await cluster.graveyar('cluster', 'status', '--json')) as ClusterState);
      const seen = saidByOperator((await cluster.resource())?.status ?? {});
      same = seen;
      return said.join() === seen.join() ? null : `graveyar: ${said.join(', ')}; kubectl: ${seen.join(', ')}`;
    }),
  );
  note(`both said: ${same.join(', ')}`);
}

function saidByStore({ clusterId, leaderId, members }: ClusterState): string[] {
  const leader = members.find(({ id }) => id === leaderId)?.name;
  const lines = members.map(({ name, id, role, active, matchIndex }) =>
    memberLine(name, String(id), role, active === true, matchIndex),
  );
  return [`cluster ${clusterId ?? '-'}`, `leader ${leader ?? '-'}`, ...lines.sort()];
}

function saidByOperator({ clusterId, leader, members = [] }: ClusterStatus): string[] {
  const lines = members.map(({ name, id, role, healthy, matchIndex }) =>
    memberLine(name, id, role, healthy, matchIndex ?? null),
  );
  return [`cluster ${clusterId ?? '-'}`, `leader ${leader ?? '-'}`, ...lines.sort()];
}

function memberLine(name: string, id: string, role: string, healthy: boolean, matchIndex: number | null): string {
  return `${name} ${id} ${role} ${healthy ? 'healthy' : 'ill'} at ${matchIndex ?? 'an unknown entry'}`;
}
