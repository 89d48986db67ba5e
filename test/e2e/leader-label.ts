/**
 * How soon the leader's label follows the leader, on real pods: by the clock of the leader's log, and by a watch of the pods.
 */
import type { PodHistory } from '../support/kubernetes/pod-history.ts';
import type { TestCluster } from './test-cluster.ts';

/** What is promised. */
const LABEL_MILLIS = 2_000;

/**
 * How long it took, in milliseconds, until the pod of the leader of now, and no other, was labelled. Throws when that was longer than is
 * promised. Not left to the machine: it took 18 to 396 ms with a load of 10 on two cores, and what a Service does then is what counts.
 */
export async function labelMillis(cluster: TestCluster, history: PodHistory): Promise<number> {
  const pod = await cluster.leaderPod();
  let since = 0;
  await cluster.until('the watch to tell of the label', () => {
    const found = history.aloneLabelledSince(pod);
    since = found ?? 0;
    return Promise.resolve(found === null ? 'it does not' : null);
  });
  const led = (await beganToLead(cluster, pod)).at(-1);
  if (led === undefined) throw new Error(`${pod} is labelled as the leader's and does not say that it leads`);
  const millis = since - led;
  if (millis > LABEL_MILLIS) throw new Error(`${pod} was labelled ${millis} ms after it began to lead`);
  return millis;
}

/** When this pod's member began to lead, in its present life: milliseconds of the wall clock, in order. */
export async function beganToLead(cluster: TestCluster, pod: string): Promise<readonly number[]> {
  const lines = (await cluster.logOf(pod)).split('\n').filter((line) => line.includes('"this member leads"'));
  return lines.map((line) => Date.parse((JSON.parse(line) as { readonly time: string }).time));
}
