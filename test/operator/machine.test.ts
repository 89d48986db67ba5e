// The machine inside this one that nodes run in: apart from this one, and gone with all it had, however it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { controlGroupOf, removeLeftovers, runInMachine } from '../support/kubernetes/machine.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MODULE = fileURLToPath(new URL('../support/kubernetes/machine.ts', import.meta.url));
const MILLIS = 60_000;

/** Writes what it sees to `$1`, mounts something, makes a control group, leaves a process behind and ends with 7. */
const PROGRAM = `
  echo "pid $$" > "$1/seen"
  mount -t tmpfs tmpfs /mnt && touch /mnt/inside-the-machine
  mkdir -p "/sys/fs/cgroup/$(ls /sys/fs/cgroup | grep -x pids || echo .)/$(basename "$GRAVEYAR_TEST_MACHINE")/pod"
  echo "$GRAVEYAR_TEST_MACHINE" > "$1/directory"
  sleep 1000 & echo started > "$1/ready"
  [ "$2" = stay ] && sleep 1000
  exit 7
`;

function controlGroupsLike(directory: string): string[] {
  const root = '/sys/fs/cgroup';
  const hierarchies = ['.', ...readdirSync(root)].map((name) => join(root, name, controlGroupOf(directory)));
  return hierarchies.filter((path) => existsSync(path));
}

/** Processes of this machine that have the text in their command lines. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text);
    } catch {
      return false;
    }
  });
}

describe('a machine', () => {
  it('is apart from this one and leaves nothing when its command ends', async () => {
    const { path, remove } = await temporaryDirectory();
    const code = await runInMachine(['bash', '-c', PROGRAM, 'program', path, 'end'], MILLIS);
    expect(code).toBe(7);
    const directory = readFileSync(join(path, 'directory'), 'utf8').trim();
    // The first process is the one that waits for orphans.
    expect(Number(readFileSync(join(path, 'seen'), 'utf8').slice(4))).toBeLessThan(10);
    expect(existsSync('/mnt/inside-the-machine')).toBe(false);
    expect(processesWith(path)).toEqual([]);
    expect(controlGroupsLike(directory)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
    await remove();
  });

  it('is ended when it takes too long', async () => {
    const { path, remove } = await temporaryDirectory();
    expect(await runInMachine(['bash', '-c', PROGRAM, 'program', path, 'stay'], 3_000)).not.toBe(0);
    // The kernel takes its time to end a machine that is not waited for.
    await expect.poll(() => processesWith(path), { timeout: MILLIS }).toEqual([]);
    await remove();
  });

  it('ends with a process that is killed; what is left, the next run removes', async () => {
    const { path, remove } = await temporaryDirectory();
    const script = join(path, 'script.ts');
    const command = JSON.stringify(['bash', '-c', PROGRAM, 'program', path, 'stay']);
    writeFileSync(
      script,
      `import { runInMachine } from ${JSON.stringify(MODULE)};\nawait runInMachine(${command}, 60000);\n`,
    );
    const child = spawn(process.execPath, [script], { stdio: 'inherit' });
    await expect.poll(() => existsSync(join(path, 'ready')), { timeout: MILLIS }).toBe(true);
    const directory = readFileSync(join(path, 'directory'), 'utf8').trim();
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await expect.poll(() => processesWith(path), { timeout: MILLIS }).toEqual([]);
    expect(existsSync(directory)).toBe(true);
    expect(controlGroupsLike(directory)).not.toEqual([]);
    removeLeftovers();
    expect(existsSync(directory)).toBe(false);
    expect(controlGroupsLike(directory)).toEqual([]);
    await remove();
  });

  it('does not touch the machine of a process that lives', () => {
    const directory = join(tmpdir(), `graveyar-machine-${process.pid}-living`);
    mkdirSync(directory);
    removeLeftovers();
    expect(existsSync(directory)).toBe(true);

    rmSync(directory, { recursive: true });
  });
});
