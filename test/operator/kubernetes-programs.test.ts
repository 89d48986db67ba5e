// The pinned versions are those that are built: the Go modules say the same, and the folder of a build changes with them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { NATS } from '../bench/peers/nats.ts';
import { apiServerPrograms, COREDNS, HELM, KUBERNETES } from '../support/kubernetes/binaries.ts';
import { cacheDirectory, moduleDirectory, programDirectory } from '../support/kubernetes/go-programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('the Go modules', () => {
  it.each([
    { module: KUBERNETES, names: 'k8s.io/kubernetes' },
    { module: HELM, names: 'helm.sh/helm/v4' },
    { module: COREDNS, names: 'github.com/coredns/coredns' },
    { module: NATS, names: 'github.com/nats-io/nats-server/v2' },
  ])('of $module.name name the pinned version', ({ module, names }) => {
    const text = readFileSync(join(moduleDirectory(module), 'go.mod'), 'utf8');
    const [, version] = new RegExp(`^(?:require)?\\s*${names.replaceAll('.', '\\.')} v(\\S+)`, 'm').exec(text) ?? [];
    expect(version).toBe(module.version);
  });

  it('of Kubernetes pin every staging module to the same version', () => {
    const text = readFileSync(join(moduleDirectory(KUBERNETES), 'go.mod'), 'utf8');
    const staged = [...text.matchAll(/^\s*(?:replace )?(k8s\.io\/\S+) => (\S+) v(\S+)$/gm)];
    expect(staged.length).toBeGreaterThan(20);
    const [, minor, patch] = KUBERNETES.version.split('.');
    const wrong = staged.filter(
      ([, from, to, version]) => from !== to || version !== `0.${minor ?? ''}.${patch ?? ''}`,
    );
    expect(wrong.map(([line]) => line)).toEqual([]);
  });

  it('are built into a folder of their own for each version and each way of building', () => {
    const folder = programDirectory(HELM);
    expect(folder.startsWith(join(cacheDirectory(), `helm-${HELM.version}-`))).toBe(true);
    expect(programDirectory(HELM)).toBe(folder);
    expect(programDirectory({ ...HELM, version: '0.0.0' })).not.toBe(folder);
    expect(programDirectory({ ...HELM, ldflags: '' })).not.toBe(folder);
  });
});

describe('KUBEBUILDER_ASSETS', () => {
  const before = process.env['KUBEBUILDER_ASSETS'];
  afterEach(() => {
    if (before === undefined) delete process.env['KUBEBUILDER_ASSETS'];
    else process.env['KUBEBUILDER_ASSETS'] = before;
  });

  it('is where programs are taken from, and a missing one is named', async () => {
    const directory = await temporaryDirectory();
    process.env['KUBEBUILDER_ASSETS'] = directory.path;
    await expect(apiServerPrograms()).rejects.toThrow(/which has no etcd/);
    await directory.remove();
  });
});
