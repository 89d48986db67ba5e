/**
 * A machine inside this one, for programs that change the machine they run on: processes, mounts, network and host name of
 * its own. Whatever runs in it ends with it, by the kernel, and its mounts and network are gone with it; what the kernel does not
 * take back by itself (control groups, settings, files) is put back here, after it has ended or by the next run.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const PREFIX = 'graveyar-machine-';
const CONTROL_GROUPS = '/sys/fs/cgroup';
/** What a kubelet sets on the machine it runs on, and no namespace keeps apart. */
const SETTINGS = ['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops'].concat([
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
  'net/netfilter/nf_conntrack_max',
]);
const VARIABLE = 'GRAVEYAR_TEST_MACHINE';

/** Null where a machine can be made, else what is missing. */
export function machineObstacle(): string | null {
  if (process.getuid?.() !== 0)
    return 'a machine of its own (namespaces, mounts, control groups) can only be made by root';
  const { status, stderr, error } = spawnSync('unshare', [...NAMESPACES, 'true'], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  return status === 0 ? null : `unshare ${NAMESPACES.join(' ')}: ${error?.message ?? stderr}`;
}

const NAMESPACES = ['--net', '--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child=KILL', '--mount-proc'];

/** Inside a machine: the directory that is its own and is removed with it. Null outside. */
export function machineDirectory(): string | null {
  return process.env[VARIABLE] ?? null;
}

/** The control group under which everything of the machine with this directory belongs, as a path from the root. */
export function controlGroupOf(directory: string): string {
  return `/${basename(directory)}`;
}

/**
 * Runs a command as the only thing in a new machine and returns its exit code. Its output goes through, its temporary files are the
 * machine's; its input is this process's when asked for. The machine ends with the command, and with this process, however that ends.
 */
export async function runInMachine(
  command: readonly string[],
  millis: number,
  stdin: 'ignore' | 'inherit' = 'ignore',
): Promise<number> {
  removeLeftovers();
  const directory = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  saveSettings(directory);
  // The first process of a machine must take the exit codes of orphans, which bash does while it waits.
  const first = ['bash', '-c', '"$@" <&0 & wait $!', 'machine', ...command];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...NAMESPACES, ...first], {
    stdio: [stdin, 'inherit', 'inherit'],
    env: { ...process.env, [VARIABLE]: directory, TMPDIR: directory },
  });
  const timer = setTimeout(() => {
    console.log(`the machine is ended: it ran longer than ${millis / 1000} s`);
    child.kill('SIGKILL');
  }, millis);
  const end = (): void => void child.kill('SIGKILL');
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    clearTimeout(timer);
    process.removeListener('SIGINT', end).removeListener('SIGTERM', end);
    await restore(directory);
  }
}

/** Puts back what machines left whose process was killed before it could. */
export function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const pid = Number(name.slice(PREFIX.length).split('-')[0]);
    if (!existsSync(`/proc/${pid}`)) restoreNow(join(tmpdir(), name));
  }
}

async function restore(directory: string): Promise<void> {
  // The processes are killed, but the last of them may take a moment to leave its control group.
  const end = performance.now() + 10_000;
  while (!restoreNow(directory) && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 100));
}

/** False when something could not be removed yet. */
function restoreNow(directory: string): boolean {
  restoreSettings(directory);
  let clean = true;
  for (const group of controlGroups(directory)) clean = removeGroup(group) && clean;
  if (!clean) return false;
  try {
    rmSync(directory, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}

function saveSettings(directory: string): void {
  const values = SETTINGS.flatMap((name) => {
    const path = `/proc/sys/${name}`;
    return existsSync(path) ? [[path, readFileSync(path, 'utf8').trim()]] : [];
  });
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'settings.json'), JSON.stringify(Object.fromEntries(values)));
}

function restoreSettings(directory: string): void {
  const saved = join(directory, 'settings.json');
  if (!existsSync(saved)) return;
  for (const [path, value] of Object.entries(JSON.parse(readFileSync(saved, 'utf8')) as Record<string, string>)) {
    if (readFileSync(path, 'utf8').trim() !== value) writeFileSync(path, value);
  }
}

/** The machine's group in every hierarchy of control groups that there is: one (version 2) or one for each controller. */
function controlGroups(directory: string): string[] {
  const hierarchies = readdirSync(CONTROL_GROUPS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(CONTROL_GROUPS, name));
  return [CONTROL_GROUPS, ...hierarchies]
    .map((hierarchy) => join(hierarchy, controlGroupOf(directory)))
    .filter(existsSync);
}

function removeGroup(group: string): boolean {
  let clean = true;
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) clean = removeGroup(join(group, entry.name)) && clean;
  }
  try {
    rmdirSync(group);
    return clean;
  } catch {
    return false;
  }
}
