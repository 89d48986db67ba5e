/**
 * Debian's buildah, which builds images from a Dockerfile without a container engine: its steps run in a chroot. Images and layers
 * are in a store of our own, so nothing of the machine's is touched. Must not know what is built.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const PROGRAM = '/usr/bin/buildah';
/** A busy machine with a slow network takes long for its first image. */
const COMMAND_MILLIS = 40 * 60_000;

/** A store of images, and the program that works in it. */
export class Buildah {
  readonly #store: readonly string[];

  /** Keeps all it has under `directory`. */
  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.#store = [
      '--root',
      join(directory, 'storage'),
      '--runroot',
      join(directory, 'run'),
      '--storage-driver',
      'overlay',
    ];
  }

  /** Runs a command, and gives what it printed. Rejects with the end of what it said when it fails or takes too long. */
  run(args: readonly string[]): Promise<string> {
    return runCommand(PROGRAM, [...this.#store, ...args]);
  }

  /** Whether there is an image with this name. */
  async has(image: string): Promise<boolean> {
    return this.run(['inspect', '--type', 'image', '--format', '{{.FromImageID}}', image]).then(
      () => true,
      () => false,
    );
  }

  /** Makes `image` of what is in `folder`, laid over another image or over nothing. */
  async layer(image: string, over: string | null, folder: string): Promise<void> {
    const container = (await this.run(['from', '--pull-never', over ?? 'scratch'])).trim();
    try {
      await this.run(['copy', '--quiet', container, folder, '/']);
      await this.run([
        'config',
        '--env',
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        container,
      ]);
      await this.run(['commit', '--quiet', container, image]);
    } finally {
      await this.run(['rm', container]);
    }
  }
}

/** Installs the packages of Debian that are needed here and missing, which is told. Throws what to do when it cannot. */
export function installBuilders(): void {
  if (process.getuid?.() !== 0) throw new Error('building the image without a container engine needs root, for chroot');
  const programs = { buildah: PROGRAM, debootstrap: '/usr/sbin/debootstrap' };
  const missing = Object.entries(programs).flatMap(([name, path]) => (existsSync(path) ? [] : [name]));
  if (missing.length === 0) return;
  console.log(`installing ${missing.join(' and ')}`);
  const install = (): boolean =>
    spawnSync('apt-get', ['install', '--yes', '--no-install-recommends', ...missing], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      timeout: COMMAND_MILLIS,
    }).status === 0;
  if (install()) return;
  // The lists of packages may be old, or not there yet.
  spawnSync('apt-get', ['update'], { stdio: 'ignore', timeout: COMMAND_MILLIS });
  if (!install()) throw new Error(`building the image needs Debian's packages ${missing.join(' and ')}`);
}

/** Runs a program to its end, and gives what it printed. Rejects with the end of what it said when it fails or takes too long. */
export function runCommand(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...environment };
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: COMMAND_MILLIS, env });
    const output: Buffer[] = [];
    const said: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const printed = Buffer.concat(output).toString();
      if (code === 0) resolve(printed);
      else {
        const lines = `${printed}\n${Buffer.concat(said).toString()}`.trim().split('\n').slice(-30);
        reject(
          new Error(`${program} ${args.join(' ')}: ${signal ?? `exit code ${String(code)}`}\n${lines.join('\n')}`),
        );
      }
    });
  });
}
