// Volumes that were kept from an earlier life of a cluster of the same name, as after `helm uninstall` and before the next install.
import type { World } from './objects.ts';
import { Store } from './store.ts';

/** What is on them: the data of all members, of all but one (of three or more), or besides that an empty one; or of two clusters. */
export const EARLIER_LIVES = ['none', 'none', 'all', 'one-lost', 'one-empty', 'conflicting'] as const;

export type EarlierLife = (typeof EARLIER_LIVES)[number];

const CLUSTER = 'kept-cluster';
const ENTRIES = 5000;

/** Puts them there. */
export function keepVolumes(world: World, life: EarlierLife, members: number, lost: number): void {
  if (life === 'none') return;
  const voters = Array.from({ length: members }, (_, index) => ({
    id: world.serial() + 1000,
    name: `foo-${index + 1}`,
  }));
  const store = new Store(world, CLUSTER, voters);
  store.lastIndex = ENTRIES;
  store.committed = ENTRIES;
  voters.forEach(({ id, name }, index) => {
    if (life === 'one-lost' && members > 1 && index === lost % members) return;
    const { volume } = world.newClaim(name, true);
    Object.assign(volume, { id, clusterId: CLUSTER, match: ENTRIES });
  });
  const next = `foo-${members + 1}`;
  if (life === 'one-empty') world.newClaim(next, true);
  if (life === 'conflicting') {
    const other = { id: world.serial() + 1000, name: next };
    new Store(world, 'another-cluster', [other]);
    Object.assign(world.newClaim(next, true).volume, { id: other.id, clusterId: 'another-cluster', match: 1 });
  }
  world.history.push(`volumes of ${members} members were kept: ${life}`);
}
