/**
 * containerd with everything it writes below one directory, and the network of its pods: each is joined to the node by a cable
 * of its own, so all that pods send each other is routed, which Services depend on.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { POD_RANGE } from '../control-plane.ts';
import { Daemon } from '../daemon.ts';

export const PAUSE_IMAGE = 'graveyar.test/pause:1';

const CTR_MILLIS = 120_000;
const run = promisify(execFile);

/** Started by {@link ContainerRuntime.start}. */
export class ContainerRuntime {
  readonly socket: string;
  readonly #daemon: Daemon;

  constructor(directory: string, logDirectory: string) {
    mkdirSync(directory, { recursive: true });
    this.socket = join(directory, 'containerd.sock');
    const config = join(directory, 'config.toml');
    writeFileSync(config, configuration(directory, this.socket));
    const network = join(directory, 'net.d');
    mkdirSync(network);
    writeFileSync(join(network, '10-pods.conflist'), JSON.stringify(networkConfiguration(directory)));
    this.#daemon = new Daemon({ program: '/usr/bin/containerd', args: ['--config', config], logDirectory });
  }

  async start(): Promise<void> {
    await this.#daemon.start(async () => {
      await this.ctr('version');
      return true;
    });
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
  }

  /** Imports the images of an archive file. */
  async importImages(archive: string): Promise<void> {
    await this.ctr('images', 'import', archive);
  }

  /** Runs ctr among the images and containers of Kubernetes. */
  async ctr(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('ctr', ['--address', this.socket, '--namespace', 'k8s.io', ...args], {
      timeout: CTR_MILLIS,
    });
    return stdout;
  }

  logTail(): string {
    return this.#daemon.logTail();
  }
}

function configuration(directory: string, socket: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return [
    'version = 2',
    `root = ${JSON.stringify(join(directory, 'root'))}`,
    `state = ${JSON.stringify(join(directory, 'state'))}`,
    'oom_score = 0',
    '[grpc]',
    `address = ${JSON.stringify(socket)}`,
    `[${cri}]`,
    `sandbox_image = ${JSON.stringify(PAUSE_IMAGE)}`,
    'disable_apparmor = true',
    'restrict_oom_score_adj = true',
    `[${cri}.cni]`,
    'bin_dir = "/usr/lib/cni"',
    `conf_dir = ${JSON.stringify(join(directory, 'net.d'))}`,
    `[${cri}.containerd.runtimes.runc]`,
    'runtime_type = "io.containerd.runc.v2"',
    `[${cri}.containerd.runtimes.runc.options]`,
    'SystemdCgroup = false',
    '',
  ].join('\n');
}

function networkConfiguration(directory: string): object {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: POD_RANGE }]],
    routes: [{ dst: '0.0.0.0/0' }],
    dataDir: join(directory, 'addresses'),
  };
  return { cniVersion: '0.4.0', name: 'pods', plugins: [{ type: 'ptp', ipMasq: false, ipam }] };
}
