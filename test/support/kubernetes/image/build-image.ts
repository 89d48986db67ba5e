/**
 * The image of the server and the operator, built from the Dockerfile as it is, into an archive that `ctr images import` takes. The same
 * sources give the same archive without building again. Run by itself, it prints where the archive is.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileLock } from '../../../../src/storage/file-lock.ts';
import { lockFile } from '../../../../src/storage/file-lock.ts';
import { ROOT } from '../../source-tree.ts';
import { cacheDirectory } from '../go-programs.ts';
import { baseImages } from './base-images.ts';
import { Buildah, installBuilders } from './buildah.ts';
import { machineVolumes } from './machine-settings.ts';

/** An image in a file. */
export interface BuiltImage {
  /** What docker calls an archive; `ctr -n k8s.io images import <archive>` takes it. */
  readonly archive: string;
  /** What a pod calls the image. */
  readonly reference: string;
  /** Of the archive, which is not compressed: what the image takes on a node. */
  readonly bytes: number;
}

/** The most that the image may have. It has 284 MB: Node 127, Debian 85, the rest ours; a version of those two may add a little. */
export const MOST_IMAGE_BYTES = 300e6;

const LOCK_MILLIS = 60 * 60_000;
const POLL_MILLIS = 200;

/**
 * Builds `graveyar-db:<tag>`. Another tag is another image with the same contents: a label differs, as an upgrade needs. Takes some
 * ten seconds when sources changed, minutes the first time, nothing when all is as it was; one process builds at a time.
 */
export async function buildImage(tag = 'test'): Promise<BuiltImage> {
  const reference = `docker.io/library/graveyar-db:${tag}`;
  const directory = join(cacheDirectory(), 'image');
  const archive = join(directory, `graveyar-db-${tag}-${hashOfSources()}.tar`);
  const image = (): BuiltImage => ({ archive, reference, bytes: statSync(archive).size });
  if (existsSync(archive)) return image();
  installBuilders();
  mkdirSync(directory, { recursive: true });
  const lock = await waitForLock(join(directory, 'lock'));
  try {
    if (!existsSync(archive)) await build(directory, tag, archive, reference);
  } finally {
    await lock.release();
  }
  return image();
}

async function build(directory: string, tag: string, archive: string, reference: string): Promise<void> {
  console.log(`building the image ${reference}`);
  const started = performance.now();
  const scratch = mkdtempSync(join(tmpdir(), 'graveyar-build-'));
  const buildah = new Buildah(directory);
  try {
    const { base, build: builder } = await baseImages(buildah);
    await buildah.run([
      ...['build', '--isolation', 'chroot', '--pull-never', '--layers', '--format', 'docker'],
      ...['--build-arg', `BUILD_IMAGE=${builder}`, '--build-arg', `BASE_IMAGE=${base}`],
      ...['--label', `graveyar.dev/build=${tag}`],
      ...machineVolumes(scratch),
      ...['--tag', reference, ROOT],
    ]);
    const partial = `${archive}.partial`;
    rmSync(partial, { force: true });
    await buildah.run(['push', '--quiet', reference, `docker-archive:${partial}:${reference}`]);
    for (const old of readdirSync(directory)) {
      if (old.startsWith(`graveyar-db-${tag}-`) && !old.endsWith('.partial')) rmSync(join(directory, old));
    }
    renameSync(partial, archive);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  console.log(`built the image in ${((performance.now() - started) / 1000).toFixed(0)} s: ${archive}`);
}

/** Of everything that the image depends on, the bases aside. */
function hashOfSources(): string {
  const files = globSync(
    [
      '{src,operator}/**/*.ts',
      'package*.json',
      'tsconfig.json',
      'test/tsconfig.build.json',
      'LICENSE',
      'Dockerfile',
      '.dockerignore',
    ],
    { cwd: ROOT },
  );
  const hash = createHash('sha256');
  for (const file of [...files, 'node_modules/node/package.json'].sort()) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ROOT, file)))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 12);
}

async function waitForLock(path: string): Promise<FileLock> {
  const end = performance.now() + LOCK_MILLIS;
  for (let told = false; ; told = true) {
    try {
      return await lockFile(path);
    } catch (error) {
      if (performance.now() > end) throw error;
      if (!told) console.log('waiting for another process that builds the image');
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS));
    }
  }
}

if (import.meta.main) {
  const { archive, reference, bytes } = await buildImage(process.argv[2]);
  console.log(`${reference}\n${archive}\n${(bytes / 1e6).toFixed(0)} MB`);
}
