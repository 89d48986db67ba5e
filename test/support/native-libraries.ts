/**
 * Makes sure that the RocksDB binding can be loaded before any test runs: it needs the system library libatomic, which slim
 * images lack. Installs it where it may (Debian, root), and says what to do where it may not.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Null when the binding loads, else why it does not. In a process of its own, as a failed load cannot be taken back. */
function loadFailure(): string | null {
  const result = spawnSync(process.execPath, ['-e', "import('rocksdb-native')"], { encoding: 'utf8', timeout: 60_000 });
  return result.status === 0 ? null : result.stderr;
}

function run(command: string, ...args: string[]): void {
  const result = spawnSync(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 300_000,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
}

/** Throws, with advice, when the binding cannot be made to load. Vitest calls it once before all files. */
export default function ensureNativeLibraries(): void {
  const failure = loadFailure();
  if (failure === null) return;
  if (!failure.includes('libatomic')) throw new Error(`the RocksDB binding does not load:\n${failure}`);
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error('the RocksDB binding needs libatomic; install it (Debian: apt-get install libatomic1)');
  }
  console.log('installing libatomic1, which the RocksDB binding needs');
  run('apt-get', 'update');
  run('apt-get', 'install', '--yes', '--no-install-recommends', 'libatomic1');
  const still = loadFailure();
  if (still !== null) throw new Error(`the RocksDB binding does not load even with libatomic1:\n${still}`);
}
