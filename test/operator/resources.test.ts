// The objects of a cluster: what holds for every spec (security, selectors, names, flags the server takes), and what a
// change of the spec changes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LONGEST_CLUSTER_NAME } from '../../operator/api/custom-resource-definition.ts';
import type { GraveyarCluster } from '../../operator/api/graveyar-cluster.ts';
import { disruptionBudget } from '../../operator/resources/disruption-budget.ts';
import { memberRole, memberServiceAccount } from '../../operator/resources/member-account.ts';
import { memberStatefulSet } from '../../operator/resources/member-stateful-set.ts';
import {
  clusterSelectorText,
  HIGHEST_MEMBER_NUMBER,
  LABEL,
  memberName,
  memberNumber,
  podName,
  TEMPLATE_HASH_ANNOTATION,
} from '../../operator/resources/names.ts';
import { templateHash } from '../../operator/resources/pod-template.ts';
import { peersService, readService, readWriteService } from '../../operator/resources/services.ts';
import { sharedObjects } from '../../operator/resources/shared-objects.ts';
import { canonicalJson } from '../../operator/resources/template-hash.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { flagOf } from '../../src/config/setting.ts';
import { SETTING_KEYS } from '../../src/config/settings.ts';
import type { SettingKey, Settings } from '../../src/config/settings.ts';
import { defined } from '../../src/lib/assert.ts';
import { anyCluster, anyName, clusterWith } from '../support/cluster-specs.ts';

const MEMBER = 'orders-2';

function there<T>(value: T | undefined | null): T {
  return defined(value, 'it to be there');
}

function forEveryCluster(check: (cluster: GraveyarCluster, member: string) => void): void {
  const number = fc.integer({ min: 1, max: HIGHEST_MEMBER_NUMBER });
  fc.assert(
    fc.property(anyCluster, number, (cluster, at) => {
      check(cluster, memberName(cluster.metadata.name, at));
    }),
    { numRuns: 300 },
  );
}

function podOf(cluster: GraveyarCluster, member: string) {
  const { metadata, spec } = there(memberStatefulSet(cluster, member).spec).template;
  const container = there(there(spec).containers[0]);
  return { metadata: there(metadata), spec: there(spec), container };
}

/** Flags of the member's container, as its server will read them. */
function settingsOf(cluster: GraveyarCluster, member: string): Settings {
  const { container } = podOf(cluster, member);
  const [command, ...args] = there(container.args);
  expect(command).toBe('serve');
  const keys = new Map(SETTING_KEYS.map((key) => [flagOf(key), key]));
  const flags: Partial<Record<SettingKey, string>> = {};
  for (const arg of args) {
    const [flag = '', text = 'true'] = arg.split(/=(.*)/s);
    flags[defined(keys.get(flag), `the server to have a flag ${flag}`)] = text.replace('$(POD_NAME)', podName(member));
  }
  return loadSettings({ flags, environment: {}, file: null });
}

function selects(selector: Record<string, string> | undefined, labels: Record<string, string> | undefined): boolean {
  return Object.entries(there(selector)).every(([key, value]) => labels?.[key] === value);
}

describe('pods', () => {
  it('are restricted, whatever the spec', () => {
    forEveryCluster((cluster, member) => {
      const { spec } = podOf(cluster, member);
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 65_532,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect([spec.hostNetwork, spec.hostPID, spec.hostIPC]).toEqual([undefined, undefined, undefined]);
      for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          privileged: false,
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
        });
      }
      const kinds = (spec.volumes ?? []).flatMap((volume) => Object.keys(volume));
      expect(kinds.filter((kind) => !['name', 'emptyDir', 'secret'].includes(kind))).toEqual([]);
    });
  });

  it('are given flags that the server takes', () => {
    forEveryCluster((cluster, member) => {
      const settings = settingsOf(cluster, member);
      const { metadata, spec } = cluster;
      const host = `${member}-0.${metadata.name}-peers.${metadata.namespace}.svc`;
      expect(settings).toMatchObject({
        name: member,
        dataDirectory: '/data',
        host: '::',
        metricsHost: '::',
        peerHost: '::',
        port: 4000,
        metricsPort: 4001,
        peerPort: 4002,
        waitForCluster: true,
        kubernetesPod: `${member}-0`,
        electionTimeout: spec.settings.electionTimeoutMillis,
        heartbeatInterval: spec.settings.heartbeatIntervalMillis,
        logLevel: spec.settings.logLevel,
        gracePeriod: spec.settings.gracePeriodSeconds * 1000,
      });
      expect(JSON.stringify([settings.advertisePeer, settings.advertiseClient])).toContain(host);
      expect(settings.logSize).toBeGreaterThanOrEqual(settings.segmentSize);
    });
  });

  it('have the defaults of the server when the spec says nothing', () => {
    const ours = settingsOf(clusterWith(), MEMBER);
    const theirs = loadSettings({ flags: {}, environment: {}, file: null });
    const keys = ['electionTimeout', 'heartbeatInterval', 'logLevel', 'logSize', 'segmentSize', 'gracePeriod'] as const;
    expect(keys.map((key) => [key, ours[key]])).toEqual(keys.map((key) => [key, theirs[key]]));
  });

  it('are given longer to stop than their server takes', () => {
    forEveryCluster((cluster, member) => {
      const { spec } = podOf(cluster, member);
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(cluster.spec.settings.gracePeriodSeconds + 5);
    });
  });

  it('mount every file that a flag names, and every volume that they have', () => {
    forEveryCluster((cluster, member) => {
      const { spec, container } = podOf(cluster, member);
      const mounts = there(container.volumeMounts);
      const paths = there(container.args).flatMap((arg) => /=(\/.*)$/.exec(arg)?.[1] ?? []);
      expect(paths.filter((path) => !mounts.some(({ mountPath }) => `${path}/`.startsWith(`${mountPath}/`)))).toEqual(
        [],
      );
      const volumes = [...(spec.volumes ?? []), { name: 'data' }].map(({ name }) => name).sort();
      expect(mounts.map(({ name }) => name).sort()).toEqual(volumes);
    });
  });

  it('take certificates from the Secrets that the spec names', () => {
    const client = { secretName: 'shown', clientAuthoritySecretName: 'wanted', operatorSecretName: 'mine' };
    const { spec } = podOf(clusterWith({ tls: { client, peers: { secretName: 'between' } } }), MEMBER);
    const secrets = (spec.volumes ?? []).flatMap(({ secret }) => secret?.secretName ?? []);
    expect(secrets).toEqual(['shown', 'wanted', 'between']);
    expect(settingsOf(clusterWith({ tls: { client } }), MEMBER)).toMatchObject({
      tlsCertificate: expect.stringContaining('tls.crt') as string,
      tlsClientAuthority: expect.stringContaining('ca.crt') as string,
      peerTlsCertificate: null,
    });
  });

  it('ask for readiness and liveness at different places', () => {
    const { container } = podOf(clusterWith(), MEMBER);
    expect(container.readinessProbe?.httpGet).toMatchObject({ path: '/readyz', port: 'metrics' });
    expect(container.livenessProbe?.httpGet).toMatchObject({ path: '/livez', port: 'metrics' });
    expect(container.startupProbe?.httpGet).toMatchObject({ path: '/livez', port: 'metrics' });
  });

  it('are spread by default, as the spec says when it does, and always by their own labels', () => {
    const constraints = (cluster: GraveyarCluster) => podOf(cluster, MEMBER).spec.topologySpreadConstraints;
    expect(constraints(clusterWith())?.map(({ topologyKey }) => topologyKey)).toEqual([
      'kubernetes.io/hostname',
      'topology.kubernetes.io/zone',
    ]);
    expect(constraints(clusterWith({ scheduling: { topologySpreadConstraints: [] } }))).toEqual([]);
    const own = { maxSkew: 2, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' } as const;
    expect(constraints(clusterWith({ scheduling: { topologySpreadConstraints: [own] } }))).toEqual([
      {
        ...own,
        labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'graveyar-db', [LABEL.cluster]: 'orders' } },
      },
    ]);
  });
});

describe('selectors', () => {
  it('of everything meet the labels of the pods', () => {
    forEveryCluster((cluster, member) => {
      const set = memberStatefulSet(cluster, member);
      const { labels } = podOf(cluster, member).metadata;
      expect(selects(set.spec?.selector.matchLabels, labels)).toBe(true);
      expect(selects(readService(cluster).spec?.selector, labels)).toBe(true);
      expect(selects(peersService(cluster).spec?.selector, labels)).toBe(true);
      expect(selects(disruptionBudget(cluster).spec?.selector?.matchLabels, labels)).toBe(true);
      expect(selects(readWriteService(cluster).spec?.selector, labels)).toBe(false);
      expect(selects(readWriteService(cluster).spec?.selector, { ...labels, [LABEL.role]: 'leader' })).toBe(true);
      expect(
        clusterSelectorText(cluster.metadata.name)
          .split(',')
          .every((part) => {
            const [key = '', value] = part.split('=');
            return labels?.[key] === value;
          }),
      ).toBe(true);
    });
  });

  it('meet no pod of another cluster, nor of another member', () => {
    fc.assert(
      fc.property(anyName, anyName, (one, other) => {
        fc.pre(one !== other);
        const mine = memberStatefulSet(clusterWith({}, one), memberName(one, 1)).spec?.selector.matchLabels;
        const theirs = podOf(clusterWith({}, other), memberName(other, 1)).metadata.labels;
        expect(selects(mine, theirs)).toBe(false);
        expect(selects(readService(clusterWith({}, one)).spec?.selector, theirs)).toBe(false);
        expect(selects(mine, podOf(clusterWith({}, one), memberName(one, 2)).metadata.labels)).toBe(false);
      }),
    );
  });

  it('of Services lead to ports that the container has', () => {
    const { container } = podOf(clusterWith(), MEMBER);
    const ports = new Map(there(container.ports).map(({ name, containerPort }) => [name, containerPort]));
    for (const service of [readWriteService, readService, peersService].map((build) => build(clusterWith()))) {
      for (const { port, targetPort } of there(service.spec?.ports)) {
        expect(ports.get(String(targetPort))).toBe(port);
      }
    }
  });

  it('keep labels that the spec adds from taking the place of their own', () => {
    const pod = { labels: { [LABEL.cluster]: 'another', team: 'shop' } };
    expect(podOf(clusterWith({ pod }), MEMBER).metadata.labels).toMatchObject({
      [LABEL.cluster]: 'orders',
      team: 'shop',
    });
  });
});

describe('objects', () => {
  it('are all of the cluster, owned by it, and never twice the same', () => {
    forEveryCluster((cluster, member) => {
      const objects = [...sharedObjects(cluster), memberStatefulSet(cluster, member)];
      for (const { metadata } of objects) {
        expect(metadata.namespace).toBe(cluster.metadata.namespace);
        expect(metadata.labels[LABEL.cluster]).toBe(cluster.metadata.name);
        expect(metadata.ownerReferences).toEqual([
          expect.objectContaining({ uid: cluster.metadata.uid, controller: true, blockOwnerDeletion: false }),
        ]);
        expect(metadata.labels['app.kubernetes.io/managed-by']).toBe('graveyar-db-operator');
      }
      const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      expect(new Set(names).size).toBe(names.length);
    });
  });

  it('have names and labels as short as Kubernetes wants them, for the longest name of a cluster too', () => {
    const longest = 'a'.repeat(LONGEST_CLUSTER_NAME);
    const cluster = clusterWith({}, longest);
    const member = memberName(longest, HIGHEST_MEMBER_NUMBER);
    const set = memberStatefulSet(cluster, member);
    // controller-revision-hash on the pod: the name, a dash and a hash of up to ten.
    expect(set.metadata.name.length + 11).toBeLessThanOrEqual(63);
    for (const object of [...sharedObjects(cluster), set]) {
      expect(object.metadata.name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
      for (const value of Object.values(object.metadata.labels)) expect(value.length).toBeLessThanOrEqual(63);
    }
    expect(podName(member).length).toBeLessThanOrEqual(63);
  });

  it('of two clusters never meet, whatever their names', () => {
    const names = [
      'orders',
      'orders-1',
      'orders-rw',
      'orders-peers',
      'orders-1-0',
      'orders-members',
      'orders-r',
      'default',
    ];
    const all = names.flatMap((name) => {
      const cluster = clusterWith({}, name);
      const sets = [1, 2, 3, 9].map((number) => memberStatefulSet(cluster, memberName(name, number)));
      const objects = [...sharedObjects(cluster), ...sets].map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      return [...objects, ...sets.map(({ metadata }) => `Pod ${podName(metadata.name)}`)];
    });
    expect(new Set(all).size).toBe(all.length);
    expect(all).not.toContain('ServiceAccount default');
  });

  it('let members patch the pods of their own cluster by name, and no other pod', () => {
    forEveryCluster((cluster) => {
      const rules = there(memberRole(cluster).rules);
      const writing = rules.filter(({ verbs }) => verbs.some((verb) => !['get', 'list'].includes(verb)));
      const { name } = cluster.metadata;
      const pods = Array.from({ length: HIGHEST_MEMBER_NUMBER }, (_, at) => `${name}-${at + 1}-0`);
      expect(writing).toEqual([{ apiGroups: [''], resources: ['pods'], resourceNames: pods, verbs: ['get', 'patch'] }]);
    });
    expect(memberServiceAccount(clusterWith()).automountServiceAccountToken).toBe(false);
  });

  it('name members in a way that can be read back', () => {
    fc.assert(
      fc.property(anyName, fc.integer({ min: 1, max: HIGHEST_MEMBER_NUMBER }), (cluster, number) => {
        expect(memberNumber(cluster, memberName(cluster, number))).toBe(number);
      }),
    );
    expect(
      ['orders-0', 'orders-10', 'orders-01', 'orders-1-1', 'orders', 'order-s-1'].map((m) => memberNumber('orders', m)),
    ).toEqual(Array(6).fill(null));
  });

  it('show the id of a member once it is known, and never in the pod template', () => {
    const set = memberStatefulSet(clusterWith(), MEMBER, { memberId: 42 });
    expect(set.metadata.labels[LABEL.memberId]).toBe('42');
    expect(JSON.stringify(set.spec)).not.toContain(LABEL.memberId);
    expect(memberStatefulSet(clusterWith(), MEMBER).metadata.labels[LABEL.memberId]).toBeUndefined();
  });

  it('keep the size that a StatefulSet already asks for', () => {
    const request = (set: ReturnType<typeof memberStatefulSet>) =>
      set.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.['storage'];
    expect(request(memberStatefulSet(clusterWith(), MEMBER))).toBe('1Gi');
    expect(request(memberStatefulSet(clusterWith(), MEMBER, { claimSize: '512Mi' }))).toBe('512Mi');
  });
});

describe('the template hash', () => {
  it('is the same for all members, on the StatefulSet and in its template', () => {
    forEveryCluster((cluster, member) => {
      const hash = templateHash(cluster);
      expect(hash).toMatch(/^[0-9a-f]{16}$/);
      expect(memberStatefulSet(cluster, member).metadata.annotations?.[TEMPLATE_HASH_ANNOTATION]).toBe(hash);
      expect(podOf(cluster, member).metadata.annotations?.[TEMPLATE_HASH_ANNOTATION]).toBe(hash);
    });
  });

  it('differs exactly when the pod template of a member differs', () => {
    const template = (cluster: GraveyarCluster): string => {
      const { metadata, spec } = podOf(cluster, MEMBER);
      const annotations = { ...metadata.annotations, [TEMPLATE_HASH_ANNOTATION]: '' };
      return canonicalJson({ labels: metadata.labels, annotations, spec });
    };
    fc.assert(
      fc.property(anyCluster, anyCluster, fc.boolean(), (one, other, same) => {
        const a = { ...one, metadata: clusterWith().metadata };
        const b = { ...(same ? one : other), metadata: clusterWith().metadata };
        expect(templateHash(a) === templateHash(b)).toBe(template(a) === template(b));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['image', { image: { reference: 'graveyar_db:2' } }],
    ['resources', { resources: { limits: { memory: '2Gi' } } }],
    ['settings', { settings: { logLevel: 'debug' as const } }],
    ['pod annotations', { pod: { annotations: { restarted: 'today' } } }],
    ['scheduling', { scheduling: { priorityClassName: 'high' } }],
    ['TLS', { tls: { peers: { secretName: 'between' } } }],
  ])('changes with %s', (_, spec) => {
    expect(templateHash(clusterWith(spec))).not.toBe(templateHash(clusterWith()));
  });

  it.each([
    ['replicas', { replicas: 5 }],
    ['the size of volumes', { storage: { size: '2Gi' } }],
    ['what becomes of volumes', { storage: { size: '1Gi', whenDeleted: 'Delete' as const } }],
    ['Services', { service: { type: 'NodePort' as const, annotations: { a: 'b' } } }],
  ])('does not change with %s', (_, spec) => {
    expect(templateHash(clusterWith(spec))).toBe(templateHash(clusterWith()));
  });

  it('does not depend on the order of keys, nor on whether an amount is a number or text', () => {
    const hash = (requests: Record<string, string | number>): string =>
      templateHash(clusterWith({ resources: { requests } }));
    expect(hash({ cpu: 2, memory: '1Gi' })).toBe(hash({ memory: '1Gi', cpu: '2' }));
    expect(hash({ cpu: 2, memory: '1Gi' })).not.toBe(hash({ cpu: 3, memory: '1Gi' }));
  });
});
