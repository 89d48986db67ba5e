/**
 * The storage of the test node: makes a directory for each claim of its storage class, removes it when its volume is released and the
 * reclaim policy says so, and lets volumes grow. A directory has no size, so growing changes only what the API says, which is what
 * a driver that grows volumes in use ends with too.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ApiError } from '../kubernetes-api.ts';
import type { KubernetesApi, KubernetesObject } from '../kubernetes-api.ts';

export const STORAGE_CLASS = 'local';

type Claim = KubernetesObject & {
  readonly spec: {
    readonly storageClassName?: string;
    readonly volumeName?: string;
    readonly accessModes: readonly string[];
    readonly resources: { readonly requests: { readonly storage: string } };
  };
  readonly status: { readonly phase: string; readonly capacity?: { readonly storage: string } };
};

type Volume = KubernetesObject & {
  readonly spec: { readonly claimRef?: { readonly uid?: string }; readonly persistentVolumeReclaimPolicy: string };
  readonly status?: { readonly phase?: string };
};

const PROVISIONER = 'graveyar.test/local';
const INTERVAL_MILLIS = 300;
const VOLUMES = '/api/v1/persistentvolumes';

/** Runs from {@link LocalVolumes.start} until {@link LocalVolumes.stop}. */
export class LocalVolumes {
  readonly #api: KubernetesApi;
  readonly #directory: string;
  readonly #nodeName: string;
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();
  /** Why the last round failed; null when it did not. For a failure's report. */
  lastError: string | null = null;

  constructor(api: KubernetesApi, directory: string, nodeName: string) {
    this.#api = api;
    this.#directory = directory;
    this.#nodeName = nodeName;
  }

  /** Makes the storage class, the default one, and begins to serve claims. */
  async start(): Promise<void> {
    mkdirSync(this.#directory, { recursive: true });
    await this.#api.create('/apis/storage.k8s.io/v1/storageclasses', {
      metadata: { name: STORAGE_CLASS, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: PROVISIONER,
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
    });
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#round();
        this.lastError = null;
      } catch (error) {
        this.lastError = (error as Error).message;
      }
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MILLIS));
    }
  }

  async #round(): Promise<void> {
    const claims = (await this.#api.list('/api/v1/persistentvolumeclaims')) as readonly Claim[];
    const listed = (await this.#api.list(VOLUMES)) as readonly Volume[];
    const volumes = new Map(listed.map((volume) => [volume.metadata.name, volume]));
    for (const claim of claims.filter((each) => each.spec.storageClassName === STORAGE_CLASS)) {
      const volume = volumes.get(volumeName(claim));
      if (volume === undefined) await this.#provision(claim);
      else await this.#grow(claim, volume);
    }
    for (const volume of volumes.values()) await this.#reclaim(volume, claims);
  }

  async #provision(claim: Claim): Promise<void> {
    const { name, namespace, uid, annotations = {}, deletionTimestamp } = claim.metadata;
    // The scheduler writes it once a pod needs the claim.
    if (annotations['volume.kubernetes.io/selected-node'] !== this.#nodeName || deletionTimestamp !== undefined) return;
    if (claim.spec.volumeName !== undefined) return;
    const path = join(this.#directory, volumeName(claim));
    mkdirSync(path, { mode: 0o777, recursive: true });
    await this.#api
      .create(VOLUMES, {
        metadata: { name: volumeName(claim), annotations: { 'pv.kubernetes.io/provisioned-by': PROVISIONER } },
        spec: {
          capacity: { storage: requested(claim) },
          accessModes: claim.spec.accessModes,
          persistentVolumeReclaimPolicy: 'Delete',
          storageClassName: STORAGE_CLASS,
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid },
          // `local` and not `hostPath`: the kubelet gives only the former to the pod's group.
          local: { path },
          nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [this.#onThisNode()] }] } },
        },
      })
      .catch(ignoreExisting);
  }

  #onThisNode(): object {
    return { key: 'kubernetes.io/hostname', operator: 'In', values: [this.#nodeName] };
  }

  async #grow(claim: Claim, volume: Volume): Promise<void> {
    const size = requested(claim);
    if (claim.status.phase !== 'Bound' || claim.status.capacity?.storage === size) return;
    await this.#api.patch(`${VOLUMES}/${volume.metadata.name}`, { spec: { capacity: { storage: size } } });
    const path = `/api/v1/namespaces/${claim.metadata.namespace ?? ''}/persistentvolumeclaims/${claim.metadata.name}`;
    await this.#api.patch(`${path}/status`, { status: { capacity: { storage: size } } });
  }

  async #reclaim(volume: Volume, claims: readonly Claim[]): Promise<void> {
    const uid = volume.spec.claimRef?.uid;
    const claimed = claims.some((claim) => claim.metadata.uid === uid);
    if (claimed || volume.status?.phase !== 'Released') return;
    if (volume.spec.persistentVolumeReclaimPolicy !== 'Delete') return;
    rmSync(join(this.#directory, volume.metadata.name), { recursive: true, force: true });
    await this.#api.delete(`${VOLUMES}/${volume.metadata.name}`);
  }
}

function volumeName(claim: Claim): string {
  return `pvc-${claim.metadata.uid ?? ''}`;
}

function requested(claim: Claim): string {
  return claim.spec.resources.requests.storage;
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof ApiError) || error.status !== 409) throw error;
}
