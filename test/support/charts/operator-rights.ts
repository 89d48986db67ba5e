/**
 * A user with exactly the rights that the chart gives the operator: what it does in tests is done under them, and what they lack
 * shows.
 */
import { CHART, Helm } from './helm.ts';
import type { ControlPlane } from '../kubernetes/control-plane.ts';

const RIGHTS = new Set(['ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding']);

/**
 * Makes the account and roles of a release called `store` in the namespace `shop`, which must be there as those of `watchNamespaces` must. A
 * kubeconfig file of the account's user.
 */
export async function operatorKubeconfig(
  plane: ControlPlane,
  watchNamespaces: readonly string[] = [],
): Promise<string> {
  const helm = await Helm.find();
  try {
    const objects = await helm.template(CHART.operator, { watchNamespaces, fullnameOverride: 'keeper' });
    const items = objects.filter(({ kind }) => RIGHTS.has(kind ?? ''));
    await plane.kubectl(
      ['apply', '--server-side', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    );
  } finally {
    helm.close();
  }
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'];
  return plane.kubeconfigFor('system:serviceaccount:shop:keeper', groups);
}
