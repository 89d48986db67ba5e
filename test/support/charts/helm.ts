/**
 * Helm as the chart tests run it: the pinned version, with files of its own, so that neither plugins nor repositories of whoever runs the
 * tests have a say.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { helmProgram } from '../kubernetes/binaries.ts';
import type { KubernetesObject } from '../kubernetes/kubernetes-api.ts';

/** The two charts, as paths. */
export const CHART = {
  operator: new URL('../../../charts/graveyar-db-operator', import.meta.url).pathname,
  cluster: new URL('../../../charts/graveyar-db', import.meta.url).pathname,
} as const;

/** An object that a chart makes. */
export type Rendered = KubernetesObject & Readonly<Record<string, unknown>>;

/** Helm said no. */
export class HelmError extends Error {}

const HELM_MILLIS = 120_000;

/** Helm, against an API server or none. */
export class Helm {
  readonly #program: string;
  readonly #directory = mkdtempSync(join(tmpdir(), 'graveyar-helm-'));
  readonly #kubeconfig: string;

  /** Finds Helm, which may build it first. Without `kubeconfig`, only what needs no API server. */
  static async find(kubeconfig = '/nonexistent'): Promise<Helm> {
    return new Helm(await helmProgram(), kubeconfig);
  }

  constructor(program: string, kubeconfig: string) {
    this.#program = program;
    this.#kubeconfig = kubeconfig;
  }

  /** What it prints. Throws {@link HelmError} with its standard error when it fails. */
  run(...args: readonly string[]): Promise<string> {
    const names = ['HELM_CACHE_HOME', 'HELM_CONFIG_HOME', 'HELM_DATA_HOME'];
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: this.#directory,
      KUBECONFIG: this.#kubeconfig,
      ...Object.fromEntries(names.map((name) => [name, join(this.#directory, name)])),
    };
    const options = { env, timeout: HELM_MILLIS, maxBuffer: 64 * 1024 * 1024 };
    return new Promise((resolve, reject) => {
      execFile(this.#program, args, options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new HelmError(`helm ${args.join(' ')}: ${stdout}${stderr}`));
      });
    });
  }

  /** The objects that a chart makes of these values, its tests among them. */
  async template(chart: string, values: object = {}, ...args: readonly string[]): Promise<Rendered[]> {
    const text = await this.run('template', 'store', chart, '--namespace', 'shop', ...this.values(values), ...args);
    const documents = parseAllDocuments(text);
    const objects = documents.map((document) => document.toJS() as Rendered | null);
    return objects.filter((object) => object !== null);
  }

  /** What a release of these values tells whoever installs it. Of objects, it makes none. */
  async notes(chart: string, values: object = {}): Promise<string> {
    const release = ['install', 'store', chart, '--namespace', 'shop', '--dry-run=client'];
    const text = await this.run(...release, ...this.values(values));
    return text.slice(text.indexOf('\nNOTES:\n') + 1);
  }

  /** Flags that give these values. */
  values(values: object): string[] {
    const file = join(this.#directory, `values-${this.#files++}.json`);
    writeFileSync(file, JSON.stringify(values));
    return ['--values', file];
  }

  /** Removes its files. */
  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #files = 0;
}
