// Names and labels that users give: what the charts refuse before anything is installed, since the API server would only refuse a part of it, and
// that nothing of what they take is lost.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHART, Helm } from '../support/charts/helm.ts';
import type { Rendered } from '../support/charts/helm.ts';

/** Helm may have to be built. */
const BUILD_MILLIS = 45 * 60_000;

let helm: Helm;

beforeAll(async () => {
  helm = await Helm.find();
}, BUILD_MILLIS);

afterAll(() => helm.close());

/** The text of a release of this name. */
function release(name: string, chart: string, values: object = {}): Promise<string> {
  return helm.run('template', name, chart, '--namespace', 'shop', ...helm.values(values));
}

function labelsOf(objects: readonly Rendered[], kind: string): unknown {
  return objects.find((object) => object.kind === kind)?.metadata.labels;
}

describe.each([
  ['cluster', CHART.cluster, 40],
  ['operator', CHART.operator, 53],
])('the name of the %s', (_, chart, longest) => {
  it.each(['Foo_Bar', '1st', 'dot.ted', 'a-', '-a'])('is not %s', async (fullnameOverride) => {
    await expect(helm.template(chart, { fullnameOverride })).rejects.toThrow(
      /fullnameOverride.*does not match pattern/s,
    );
  });

  it.each(['a', 'a-1', 'store'])('may be %s', async (fullnameOverride) => {
    const objects = await helm.template(chart, { fullnameOverride });
    expect(objects.some(({ metadata }) => metadata.name === fullnameOverride)).toBe(true);
  });

  it(`has at most ${longest} letters`, async () => {
    const name = 'a'.repeat(longest);
    await expect(helm.template(chart, { fullnameOverride: name })).resolves.toBeDefined();
    await expect(helm.template(chart, { fullnameOverride: `${name}a` })).rejects.toThrow(/maxLength/);
  });

  it.each(['1st', 'dot.ted'])('is not made of the release %s, which says so', async (name) => {
    await expect(release(name, chart)).rejects.toThrow(
      new RegExp(`"${name}[-a-z]*" cannot be the name .*: set fullnameOverride`),
    );
    await expect(release(name, chart, { fullnameOverride: 'store' })).resolves.toContain('name: store');
  });
});

describe('a release whose name is too long for a cluster', () => {
  it('says so', async () => {
    await expect(release('a'.repeat(40), CHART.cluster)).resolves.toContain(`name: ${'a'.repeat(40)}`);
    await expect(release('a'.repeat(41), CHART.cluster)).rejects.toThrow(/41 characters.*at most 40.*fullnameOverride/);
  });
});

describe('other names of the operator', () => {
  it.each([
    ['nameOverride', { nameOverride: 'Foo_Bar' }],
    ['serviceAccount/name', { serviceAccount: { name: 'Foo_Bar' } }],
  ])('%s is checked', async (where, values) => {
    await expect(helm.template(CHART.operator, values)).rejects.toThrow(
      new RegExp(`${where}.*does not match pattern`, 's'),
    );
  });
});

const OWN = [
  'helm.sh/chart',
  ...['name', 'instance', 'version', 'managed-by'].map((key) => `app.kubernetes.io/${key}`),
  'graveyar.dev/component',
];

describe.each([
  ['labels of the cluster', CHART.cluster, 'labels', (labels: object) => ({ labels })],
  [
    'labels of its ServiceMonitor',
    CHART.cluster,
    'serviceMonitor/labels',
    (labels: object) => ({ serviceMonitor: { labels } }),
  ],
  ['labels of the operator', CHART.operator, 'podLabels', (podLabels: object) => ({ podLabels })],
  [
    'labels of its ServiceMonitor',
    CHART.operator,
    'serviceMonitor/labels',
    (labels: object) => ({ serviceMonitor: { labels } }),
  ],
])('%s', (_, chart, where, values) => {
  it("are not those of the chart's own, whose values would be lost", async () => {
    for (const key of OWN) {
      const place = `${where}/${key.replace('/', '~1')}`;
      await expect(helm.template(chart, values({ [key]: 'mine' }))).rejects.toThrow(`at '/${place}': false schema`);
    }
  });

  it('may be any other', async () => {
    await expect(helm.template(chart, values({ 'app.kubernetes.io/part-of': 'shop' }))).resolves.toBeDefined();
  });
});

describe('a label of the same key twice', () => {
  it("is the ServiceMonitor's own there, and the cluster's elsewhere", async () => {
    const serviceMonitor = { enabled: true, labels: { team: 'watch' } };
    const objects = await helm.template(CHART.cluster, { labels: { team: 'shop', tier: 'data' }, serviceMonitor });
    expect(labelsOf(objects, 'ServiceMonitor')).toMatchObject({ team: 'watch', tier: 'data' });
    expect(labelsOf(objects, 'GraveyarCluster')).toMatchObject({ team: 'shop', tier: 'data' });
    expect(
      (await release('store', CHART.cluster, { labels: { team: 'shop' }, serviceMonitor })).match(/team: /g),
    ).toHaveLength(2);
  });
});
