/**
 * The two images that the Dockerfile starts from, made of what this machine can get: a minimal Debian, and the same with Node and
 * npm to build in. Debian comes by debootstrap from the mirror that the machine's apt uses, Node is the one in node_modules, npm the
 * machine's own. Made once; the names of the images tell what is in them.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../source-tree.ts';
import type { Buildah } from './buildah.ts';
import { runCommand } from './buildah.ts';
import { machineNpm } from './machine-settings.ts';

export interface BaseImages {
  /** Debian with glibc, libstdc++ and a shell; what the slim image of Debian is elsewhere. */
  readonly base: string;
  /** The same with Node, npm and apt; what the slim image of Node is elsewhere. */
  readonly build: string;
}

const SUITE = 'bookworm';
/** To be raised when something changes here. */
const VERSION = 1;
/** What nobody reads in an image. */
const LEFT_OUT = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/info',
  'usr/share/locale',
  'var/cache/apt',
  'var/lib/apt/lists',
];

/** Their names; they are made first when they are not there. The first time takes minutes, which is told. */
export async function baseImages(buildah: Buildah): Promise<BaseImages> {
  const npm = machineNpm();
  const base = `localhost/graveyar-base:${SUITE}-${VERSION}`;
  const build = `localhost/graveyar-build:${SUITE}-${VERSION}-node-${versionOf(join(ROOT, 'node_modules', 'node'))}-npm-${versionOf(npm)}`;
  if (!(await buildah.has(base))) await inScratch((folder) => makeDebian(buildah, base, folder));
  if (!(await buildah.has(build))) await inScratch((folder) => addNode(buildah, { base, build }, npm, folder));
  return { base, build };
}

async function makeDebian(buildah: Buildah, image: string, scratch: string): Promise<void> {
  console.log('making a base image with debootstrap, once; it takes some minutes');
  const folder = join(scratch, 'debian');
  const options = ['--variant=minbase', '--include=ca-certificates'];
  // No file of it needs to survive a crash: dpkg need not sync each.
  const hurried = { DPKG_FORCE: 'unsafe-io,downgrade,security-mac' };
  await runCommand('/usr/sbin/debootstrap', [...options, SUITE, folder, mirror()], hurried);
  for (const left of LEFT_OUT) {
    for (const entry of readdirSync(join(folder, left))) rmSync(join(folder, left, entry), { recursive: true });
  }
  await buildah.layer(image, null, folder);
}

async function addNode(buildah: Buildah, { base, build }: BaseImages, npm: string, scratch: string): Promise<void> {
  const local = join(scratch, 'usr', 'local');
  mkdirSync(join(local, 'bin'), { recursive: true });
  cpSync(join(ROOT, 'node_modules', 'node', 'bin', 'node'), join(local, 'bin', 'node'));
  cpSync(npm, join(local, 'lib', 'node_modules', 'npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin', 'npm'));
  await buildah.layer(build, base, scratch);
}

/** Where this machine's apt gets the suite from. */
function mirror(): string {
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)'], {
    encoding: 'utf8',
  });
  const found = stdout.split('\n').find((line) => line.endsWith(` ${SUITE} main`));
  const address = found?.split(' ', 1)[0];
  if (address === undefined) throw new Error(`building the image needs an apt that knows a mirror of Debian ${SUITE}`);
  return address;
}

function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}

async function inScratch(make: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'graveyar-image-'));
  try {
    await make(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
