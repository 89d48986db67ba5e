/**
 * Programs built from the Go modules under `binaries/`, once for each version, into a cache outside the clone. Knows how to build,
 * not what the programs are for.
 *
 * A build is taken for whole only when its directory has its final name, which it gets last; two processes never build at
 * the same time, as a lock of the kernel is held meanwhile, which ends with its process.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, openSync, closeSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { tryLock } from 'fs-native-extensions';
import { GO_VERSION } from './versions.ts';

/** One Go module of which programs are built. */
export interface GoModule {
  /** Its folder under `binaries/`. */
  readonly name: string;
  readonly version: string;
  /** What `go build` is told to build. */
  readonly packages: string;
  /** The programs that come out, in alphabetical order. */
  readonly programs: readonly string[];
  readonly ldflags: string;
}

const MODULES = fileURLToPath(new URL('binaries', import.meta.url));
const PROGRESS_MILLIS = 20_000;
const BUILD_MILLIS = 40 * 60_000;
const POLL_MILLIS = 500;

/** Where programs are kept between runs: `$XDG_CACHE_HOME/graveyar-db`, or under `~/.cache`. */
export function cacheDirectory(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'graveyar-db');
}

/** The folder of a module's sources. */
export function moduleDirectory(module: GoModule): string {
  return join(MODULES, module.name);
}

/** Where the module's programs are once built. The name covers everything that the build depends on, Go itself aside. */
export function programDirectory(module: GoModule): string {
  const hash = createHash('sha256').update(JSON.stringify(module));
  for (const file of readdirSync(moduleDirectory(module)).sort()) {
    hash.update(file).update(readFileSync(join(moduleDirectory(module), file)));
  }
  return join(cacheDirectory(), `${module.name}-${module.version}-${hash.digest('hex').slice(0, 12)}`);
}

/** The folder with the module's programs; builds them first when they are not there yet, which takes minutes and is told. */
export async function buildPrograms(module: GoModule): Promise<string> {
  const target = programDirectory(module);
  if (existsSync(target)) return target;
  const cache = cacheDirectory();
  mkdirSync(cache, { recursive: true });
  const lock = openSync(join(cache, 'build.lock'), 'w');
  try {
    await locked(lock, module);
    // Somebody else may have built it meanwhile.
    if (!existsSync(target)) await build(module, target);
    return target;
  } finally {
    closeSync(lock);
  }
}

async function locked(lock: number, module: GoModule): Promise<void> {
  const started = performance.now();
  for (let told = started; !tryLock(lock);) {
    const now = performance.now();
    if (now - started > BUILD_MILLIS)
      throw new Error(`another process builds for too long; lock in ${cacheDirectory()}`);
    if (now - told >= PROGRESS_MILLIS) {
      told = now;
      console.log(`waiting for another process that builds, to build ${module.name}: ${seconds(started)} s so far`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS));
  }
}

async function build(module: GoModule, target: string): Promise<void> {
  checkGo(module);
  const partial = `${target}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const flags = [
    '-v',
    '-buildvcs=false',
    '-trimpath',
    '-ldflags',
    module.ldflags,
    '-o',
    `${partial}/`,
    module.packages,
  ];
  console.log(`building ${module.name} ${module.version} into ${target}, once; this takes minutes`);
  await runGo(module, ['build', ...flags]);
  const made = readdirSync(partial).sort();
  if (made.join() !== module.programs.join()) {
    throw new Error(`building ${module.name} made ${made.join(', ')} instead of ${module.programs.join(', ')}`);
  }
  renameSync(partial, target);
}

function checkGo(module: GoModule): void {
  const { status, stdout } = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', timeout: 60_000 });
  const found = status === 0 ? stdout.trim() : 'no Go at all';
  const [, major = '0', minor = '0'] = /^go(\d+)\.(\d+)/.exec(found) ?? [];
  const [wantedMajor = '', wantedMinor = ''] = GO_VERSION.split('.');
  if (Number(major) === Number(wantedMajor) && Number(minor) >= Number(wantedMinor)) return;
  throw new Error(
    `building ${module.name} ${module.version} needs Go ${GO_VERSION} or newer in the PATH; here is ${found}`,
  );
}

async function runGo(module: GoModule, args: readonly string[]): Promise<void> {
  const started = performance.now();
  // Niced: tests of others may run beside it.
  const child = spawn('nice', ['-n', '5', 'go', ...args], {
    cwd: moduleDirectory(module),
    env: { ...process.env, GOFLAGS: '', GOWORK: 'off', CGO_ENABLED: '0', GOMAXPROCS: String(availableParallelism()) },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: BUILD_MILLIS,
    killSignal: 'SIGKILL',
  });
  const last: string[] = [];
  let lines = 0;
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines++;
    last.push(line);
    if (last.length > 30) last.shift();
  });
  const progress = setInterval(() => {
    console.log(`building ${module.name}: ${lines} packages fetched or compiled, ${seconds(started)} s so far`);
  }, PROGRESS_MILLIS);
  const exit = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? '' : String(code ?? signal)));
  });
  clearInterval(progress);
  if (exit !== '') throw new Error(`building ${module.name} failed (${exit}):\n${last.join('\n')}`);
  console.log(`built ${module.name} in ${seconds(started)} s`);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(0);
}
