/**
 * Everything is upgraded to another image: each member once, one at a time, the leader last and after it has handed over.
 */
import { isReady, labelled } from '../support/kubernetes/pod-history.ts';
import type { Pod, PodsAt } from '../support/kubernetes/pod-history.ts';
import { beganToLead } from './leader-label.ts';
import { appendsGoOn, MEMBERS } from './scene.ts';
import type { Scene } from './scene.ts';
import type { TestCluster } from './test-cluster.ts';

/** A pod that gave way to another of its name. */
interface Replacement {
  readonly pod: string;
  /** When it was told to end. */
  readonly at: number;
  /** When the next one was ready, and whose pods were labelled as the leader's then. */
  readonly readyAt: number;
  readonly leaders: readonly string[];
}

export async function upgrade(scene: Scene): Promise<void> {
  const { cluster, images, note } = scene;
  const history = cluster.podHistory();
  try {
    await cluster.until('the watch to begin', () =>
      Promise.resolve(whole(history.states).length > 0 ? null : 'not yet'),
    );
    await cluster.installOperator(images[1]);
    await cluster.installStore(images[1], MEMBERS);
    await cluster.settled(MEMBERS, images[1]);
    let replaced: readonly Replacement[] = [];
    await cluster.until('the watch to tell of all', () => {
      replaced = replacements(whole(history.states));
      return Promise.resolve(replaced.length >= MEMBERS ? null : `${replaced.length} were replaced`);
    });
    note(`replaced in this order: ${replaced.map(({ pod }) => pod).join(', ')}`);
    checkOneAtATime(whole(history.states), replaced);
    note(await leaderLast(cluster, replaced));
  } finally {
    history.stop();
  }
  await appendsGoOn(scene);
}

/** From when all members were ready on. */
function whole(states: readonly PodsAt[]): readonly PodsAt[] {
  const first = states.findIndex(({ pods }) => readyOf(pods) === MEMBERS);
  return first === -1 ? [] : states.slice(first);
}

function readyOf(pods: ReadonlyMap<string, Pod>): number {
  return [...pods.values()].filter(isReady).length;
}

/** In the order in which the pods were told to end. */
function replacements(states: readonly PodsAt[]): readonly Replacement[] {
  const names = [...(states[0]?.pods.keys() ?? [])];
  const found = names.flatMap((pod): Replacement[] => {
    const uid = states[0]?.pods.get(pod)?.metadata.uid;
    const isOld = (one: Pod | undefined): boolean => one?.metadata.uid === uid;
    const going = states.find(({ pods }) => {
      const one = pods.get(pod);
      return !isOld(one) || one?.metadata.deletionTimestamp !== undefined;
    });
    const back = states.find(({ pods }) => {
      const one = pods.get(pod);
      return one !== undefined && !isOld(one) && isReady(one);
    });
    if (going === undefined || back === undefined) return [];
    return [{ pod, at: going.at, readyAt: back.at, leaders: labelled(back.pods) }];
  });
  return found.sort((a, b) => a.at - b.at);
}

function checkOneAtATime(states: readonly PodsAt[], replaced: readonly Replacement[]): void {
  const worst = Math.min(...states.map(({ pods }) => readyOf(pods)));
  if (worst < MEMBERS - 1) throw new Error(`${MEMBERS - worst} members were not ready at a time`);
  for (const { pod } of replaced) {
    const lives = new Set(states.flatMap(({ pods }) => pods.get(pod)?.metadata.uid ?? []));
    if (lives.size !== 2) throw new Error(`${pod} was replaced ${lives.size - 1} times`);
  }
}

/** Whoever led when all others were upgraded came last, and another one led before it was told to end. Says so. */
async function leaderLast(cluster: TestCluster, replaced: readonly Replacement[]): Promise<string> {
  const [before, last] = replaced.slice(-2);
  if (before === undefined || last === undefined) throw new Error('fewer than two pods were replaced');
  if (before.leaders.join() !== last.pod) {
    throw new Error(`${before.leaders.join() || 'nobody'} led when the others were done, and ${last.pod} came last`);
  }
  const others = replaced.filter(({ pod }) => pod !== last.pod);
  const terms = await Promise.all(others.map(({ pod }) => beganToLead(cluster, pod)));
  const taken = terms.flat().filter((at) => at >= before.readyAt && at <= last.at);
  if (taken.length === 0) throw new Error(`${last.pod} was told to end while it led`);
  return `${last.pod} led, and was told to end ${last.at - Math.max(...taken)} ms after another had taken over`;
}
