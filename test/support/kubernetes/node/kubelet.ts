/**
 * The settings of the test node's kubelet, kube-proxy and name server, as files and arguments. What is unusual serves to run on
 * any machine: no swap or version of control groups is refused, nothing outside the node's directory is written.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { POD_RANGE } from '../control-plane.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { DaemonOptions } from '../daemon.ts';

export interface NodeSettings {
  readonly name: string;
  readonly address: string;
  readonly directory: string;
  /** Where pods' control groups are put under. */
  readonly controlGroup: string;
  readonly runtimeSocket: string;
}

export const CLUSTER_DOMAIN = 'cluster.local';
export const KUBELET_HEALTH_PORT = 10248;
export const PROXY_HEALTH_PORT = 10256;
export const NAME_SERVER_HEALTH_PORT = 8181;

/** How to run the kubelet. */
export function kubelet(node: NodeSettings, plane: ControlPlane, program: string): DaemonOptions {
  const config = writeConfig(node, 'kubelet.json', kubeletConfiguration(node, plane));
  const kubeconfig = plane.kubeconfigFor(`system:node:${node.name}`, ['system:nodes']);
  const serving = plane.authority.server('kubelet', [`DNS:${node.name}`, `IP:${node.address}`]);
  return {
    program,
    args: [
      `--config=${config}`,
      `--kubeconfig=${kubeconfig}`,
      `--root-dir=${join(node.directory, 'kubelet')}`,
      `--cert-dir=${plane.authority.directory}`,
      `--tls-cert-file=${serving.certificate}`,
      `--tls-private-key-file=${serving.key}`,
      `--hostname-override=${node.name}`,
      `--node-ip=${node.address}`,
    ],
    logDirectory: plane.logDirectory,
  };
}

function kubeletConfiguration(node: NodeSettings, plane: ControlPlane): object {
  const resolver = join(node.directory, 'resolv.conf');
  writeFileSync(resolver, '');
  const logs = join(node.directory, 'pod-logs');
  mkdirSync(logs, { recursive: true });
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${node.runtimeSocket}`,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: false },
      x509: { clientCAFile: plane.authority.certificate },
    },
    authorization: { mode: 'AlwaysAllow' },
    healthzPort: KUBELET_HEALTH_PORT,
    clusterDNS: [node.address],
    clusterDomain: CLUSTER_DOMAIN,
    resolvConf: resolver,
    podLogsDir: logs,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: node.controlGroup,
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    // The disk is the machine's and as full as it is.
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '500Mi', 'imagefs.available': '500Mi' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    configMapAndSecretChangeDetectionStrategy: 'Watch',
    nodeStatusUpdateFrequency: '5s',
    maxPods: 50,
  };
}

/** How to run kube-proxy. */
export function kubeProxy(node: NodeSettings, plane: ControlPlane, program: string): DaemonOptions {
  const config = writeConfig(node, 'kube-proxy.json', {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: plane.kubeconfigFor('system:kube-proxy') },
    hostnameOverride: node.name,
    mode: 'iptables',
    clusterCIDR: POD_RANGE,
    healthzBindAddress: `127.0.0.1:${PROXY_HEALTH_PORT}`,
    metricsBindAddress: '127.0.0.1:10249',
    iptables: { minSyncPeriod: '100ms' },
    // These are settings of the whole machine.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  });
  return { program, args: [`--config=${config}`], logDirectory: plane.logDirectory };
}

/** How to run CoreDNS, on the node's address. */
export function nameServer(node: NodeSettings, plane: ControlPlane, program: string): DaemonOptions {
  const kubeconfig = plane.kubeconfigFor('system:name-server', ['system:masters']);
  const corefile = join(node.directory, 'Corefile');
  writeFileSync(
    corefile,
    [
      '.:53 {',
      `  bind ${node.address}`,
      '  errors',
      `  ready 127.0.0.1:${NAME_SERVER_HEALTH_PORT}`,
      `  kubernetes ${CLUSTER_DOMAIN} in-addr.arpa {`,
      `    kubeconfig ${kubeconfig}`,
      '    ttl 5',
      '  }',
      '}',
      '',
    ].join('\n'),
  );
  return { program, args: ['-conf', corefile], logDirectory: plane.logDirectory };
}

function writeConfig(node: NodeSettings, name: string, content: object): string {
  const path = join(node.directory, name);
  writeFileSync(path, JSON.stringify(content, null, 2));
  return path;
}
