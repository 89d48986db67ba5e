/**
 * Members evicted as `kubectl drain` does it: the API server asks the disruption budget, which gives one at a time.
 */
import { isReady } from '../support/kubernetes/pod-history.ts';
import { appendsGoOn, MEMBERS } from './scene.ts';
import type { Scene } from './scene.ts';
import type { TestCluster } from './test-cluster.ts';

/** A follower, then the leader; nobody else may go while the follower is away. */
export async function evictMembers(scene: Scene): Promise<void> {
  const { cluster, note } = scene;
  const leader = await cluster.leaderPod();
  const [first, second] = (await cluster.members()).filter(({ metadata }) => metadata.name !== leader);
  if (first === undefined || second === undefined) throw new Error('there are no two followers');
  await evictedInTime(cluster, first.metadata.name);
  if (await cluster.evict(second.metadata.name)) throw new Error('a second member was evicted at once');
  const refused = await refusedWhileAway(cluster, first.metadata, leader);
  note(`${first.metadata.name} was evicted, and others ${refused} times not until it was ready again`);
  await cluster.settled(MEMBERS);
  await appendsGoOn(scene);
  const uid = (await cluster.members()).find(({ metadata }) => metadata.name === leader)?.metadata.uid;
  await evictedInTime(cluster, leader);
  await cluster.replaced(leader, uid);
  await cluster.settled(MEMBERS);
  await appendsGoOn(scene);
}

/** The budget is counted by a controller, shortly after pods have become ready. */
async function evictedInTime(cluster: TestCluster, pod: string): Promise<void> {
  await cluster.until(`${pod} to be evicted`, async () => ((await cluster.evict(pod)) ? null : 'the budget refuses'));
}

/** Asks whether another may go, without its going, until the one that was evicted is back. How often it was refused. */
async function refusedWhileAway(
  cluster: TestCluster,
  evicted: { readonly name: string; readonly uid?: string },
  other: string,
): Promise<number> {
  const seen = { refused: 1, early: false };
  await cluster.until(`${evicted.name} to be back, and another to be free to go`, async () => {
    const allowed = await cluster.evict(other, { dryRun: ['All'] });
    // Asked afterwards: what is ready by now may have been so by then, and what is not was not.
    const back = (await cluster.members()).some(
      (pod) => pod.metadata.name === evicted.name && pod.metadata.uid !== evicted.uid && isReady(pod),
    );
    if (!allowed) seen.refused++;
    seen.early = allowed && !back;
    return allowed ? null : `${other} may not go; ${evicted.name} is ${back ? 'back' : 'away'}`;
  });
  if (seen.early) throw new Error(`${other} might have been evicted while ${evicted.name} was away`);
  return seen.refused;
}
