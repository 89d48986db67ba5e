/**
 * What is done to a store while a client appends to it: one function for each phase. A phase resolves when the store is as it
 * should be again, and throws when it is not in time. Judging what became of the appends is the runner's.
 */
import { evictMembers } from './evict-members.ts';
import { labelMillis } from './leader-label.ts';
import { upgrade } from './rolling-upgrade.ts';
import { sameStatus } from './same-status.ts';
import { appendsGoOn, MEMBERS } from './scene.ts';
import type { Scene } from './scene.ts';
import { NAMESPACE, OPERATOR, OPERATOR_NAMESPACE, STORE } from './test-cluster.ts';

/** One phase of a run. */
export interface Phase {
  readonly name: string;
  readonly run: (scene: Scene) => Promise<void>;
}

const PVC = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`;
const DEPLOYMENT = `/apis/apps/v1/namespaces/${OPERATOR_NAMESPACE}/deployments`;

/** The phases of the long and of the short form, in order. */
export function phases(form: 'short' | 'full'): readonly Phase[] {
  const full = form === 'full';
  return [
    { name: 'install, one member', run: install },
    { name: 'scale 1 to 3', run: (scene) => scale(scene, MEMBERS) },
    { name: 'helm test', run: helmTest },
    { name: 'the same by kubectl and graveyar', run: sameStatus },
    { name: `kill the leader's pod ${full ? 20 : 3} times`, run: (scene) => killLeaders(scene, full ? 20 : 3) },
    { name: 'evict members', run: evictMembers },
    { name: 'delete a volume', run: deleteVolume },
    ...(full ? [{ name: 'scale 3 to 5', run: (scene: Scene) => scale(scene, 5) }] : []),
    ...(full ? [{ name: 'scale 5 to 3', run: (scene: Scene) => scale(scene, MEMBERS) }] : []),
    { name: 'rolling upgrade', run: upgrade },
    { name: 'lose the leader without an operator', run: withoutOperator },
    { name: 'restart all pods', run: restartAll },
    { name: 'uninstall, install on kept volumes', run: reinstall },
  ];
}

async function install({ cluster, images, beginToAppend }: Scene): Promise<void> {
  await cluster.installOperator(images[0]);
  console.log(await cluster.installStore(images[0], 1));
  await cluster.settled(1);
  beginToAppend();
}

async function scale(scene: Scene, replicas: number): Promise<void> {
  await scene.cluster.installStore(scene.images[0], replicas);
  await scene.cluster.settled(replicas);
  await appendsGoOn(scene);
}

async function helmTest({ cluster }: Scene): Promise<void> {
  await cluster.helm('test', STORE, '--namespace', NAMESPACE, '--timeout', '2m');
}

/** By turns without notice and with its time to end. Each time all members must be well again before the next. */
async function killLeaders(scene: Scene, times: number): Promise<void> {
  const { cluster, note } = scene;
  const history = cluster.podHistory();
  try {
    for (let time = 1; time <= times; time++) {
      const pod = await cluster.leaderPod();
      const uid = (await cluster.members()).find(({ metadata }) => metadata.name === pod)?.metadata.uid;
      const notice = time % 2 === 0;
      await (notice ? cluster.endPod(pod) : cluster.killPod(pod));
      await appendsGoOn(scene);
      await cluster.replaced(pod, uid);
      await cluster.settled(MEMBERS);
      const millis = await labelMillis(cluster, history);
      note(`${pod} ${notice ? 'ended' : 'killed'}: the label followed the next leader after ${millis} ms`);
    }
  } finally {
    history.stop();
  }
}

/** The volume of a follower, with its pod: the member comes back as another one, and the old one leaves the cluster. */
async function deleteVolume(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const before = (await cluster.resource())?.status?.members ?? [];
  const victim = before.find(({ role }) => role === 'voter');
  if (victim === undefined) throw new Error('there is no follower');
  await cluster.node.plane.api.delete(`${PVC}/data-${victim.name}-0`);
  await cluster.killPod(`${victim.name}-0`);
  await cluster.until(`${victim.name} to have another id`, async () => {
    const now = (await cluster.resource())?.status?.members ?? [];
    return now.every(({ id }) => id !== victim.id) ? null : `${victim.name} is still ${victim.id}`;
  });
  await cluster.settled(MEMBERS);
  await appendsGoOn(scene);
}

/** Without an operator, the Service follows the leader and pods come back; the operator finds all well when it does. */
async function withoutOperator(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const name = `${OPERATOR}-graveyar-db-operator`;
  await cluster.node.plane.api.patch(`${DEPLOYMENT}/${name}`, { spec: { replicas: 0 } });
  await cluster.until('the operator to be gone', async () => {
    const pods = await cluster.node.plane.api.list(`/api/v1/namespaces/${OPERATOR_NAMESPACE}/pods`);
    return pods.length === 0 ? null : `${pods.length} pods are there`;
  });
  const pod = await cluster.leaderPod();
  await cluster.killPod(pod);
  await appendsGoOn(scene);
  await cluster.leaderPod();
  await cluster.node.plane.api.patch(`${DEPLOYMENT}/${name}`, { spec: { replicas: 1 } });
  await cluster.settled(MEMBERS);
  await appendsGoOn(scene);
}

/** As when the node is switched off: every pod of the store and of the operator at once. */
async function restartAll(scene: Scene): Promise<void> {
  const { cluster } = scene;
  for (const namespace of [OPERATOR_NAMESPACE, NAMESPACE]) {
    const pods = await cluster.node.plane.api.list(`/api/v1/namespaces/${namespace}/pods`);
    await Promise.all(pods.map(({ metadata }) => cluster.killPod(metadata.name, namespace)));
  }
  await appendsGoOn(scene);
  await cluster.settled(MEMBERS);
  await appendsGoOn(scene);
}

async function reinstall(scene: Scene): Promise<void> {
  const { cluster, images } = scene;
  const before = (await cluster.resource())?.status;
  await cluster.helm('uninstall', STORE, '--namespace', NAMESPACE, '--wait', '--timeout', '2m');
  await cluster.until('all members to be gone', async () => {
    const pods = await cluster.members();
    return pods.length === 0 ? null : `${pods.length} pods are there`;
  });
  await cluster.helm('uninstall', OPERATOR, '--namespace', OPERATOR_NAMESPACE, '--wait', '--timeout', '2m');
  const claims = await cluster.node.plane.api.list(PVC);
  if (claims.length !== MEMBERS) throw new Error(`${claims.length} volumes were kept instead of ${MEMBERS}`);
  await cluster.installOperator(images[1]);
  await cluster.installStore(images[1], MEMBERS);
  await cluster.settled(MEMBERS, images[1]);
  const after = (await cluster.resource())?.status;
  if (after?.clusterId !== before?.clusterId) {
    throw new Error(`it was the cluster ${before?.clusterId ?? '-'} and is now ${after?.clusterId ?? '-'}`);
  }
  await appendsGoOn(scene);
}
