/**
 * The three Services of a cluster: to the leader, to any ready member, and the headless one that gives members their names.
 */
import type { V1Service, V1ServicePort } from '@kubernetes/client-node';
import type { GraveyarCluster } from '../api/graveyar-cluster.ts';
import { ownedMetadata } from './built-object.ts';
import type { Built, Plain } from './built-object.ts';
import {
  clusterSelector,
  LABEL,
  LEADER_ROLE,
  peersServiceName,
  PORTS,
  readServiceName,
  readWriteServiceName,
} from './names.ts';

/** `<cluster>-rw`: the pod that carries the leader's label. */
export function readWriteService(cluster: GraveyarCluster): Built<V1Service> {
  const { name } = cluster.metadata;
  const selector = { ...clusterSelector(name), [LABEL.role]: LEADER_ROLE };
  return clientService(cluster, readWriteServiceName(name), 'rw', selector);
}

/** `<cluster>-r`: every ready member, the leader too. */
export function readService(cluster: GraveyarCluster): Built<V1Service> {
  const { name } = cluster.metadata;
  return clientService(cluster, readServiceName(name), 'r', clusterSelector(name));
}

/** `<cluster>-peers`: a name for each member, also before it is ready: members find each other to become ready. */
export function peersService(cluster: GraveyarCluster): Built<V1Service> {
  const { name } = cluster.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownedMetadata(cluster.metadata, peersServiceName(name), { labels: { [LABEL.service]: 'peers' } }),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: clusterSelector(name),
      ports: [
        grpcPort(cluster),
        port('metrics'),
        // Members' own protocol, not HTTP: a mesh must not look into it.
        { ...port('peers'), appProtocol: 'tcp' },
      ],
    },
  };
}

function clientService(
  cluster: GraveyarCluster,
  name: string,
  service: string,
  selector: Record<string, string>,
): Built<V1Service> {
  const { type, annotations } = cluster.spec.service;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownedMetadata(cluster.metadata, name, { labels: { [LABEL.service]: service }, annotations }),
    spec: { type, selector, ports: [grpcPort(cluster)] },
  };
}

function grpcPort({ spec: { tls } }: GraveyarCluster): Plain<V1ServicePort> {
  return { ...port('grpc'), appProtocol: tls?.client === undefined ? 'kubernetes.io/h2c' : 'https' };
}

function port(name: keyof typeof PORTS): Plain<V1ServicePort> {
  return { name, port: PORTS[name], targetPort: name, protocol: 'TCP' };
}
