/**
 * What a build in a container needs of this machine to reach registries: npm's settings and cache, apt's settings, and the
 * certificates that the machine trusts. Mounted while it builds, so that none of it is in an image or in the Dockerfile.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { delimiter, join, sep } from 'node:path';

/** The `--volume` flags of a build. `scratch` is a folder that stays until the build is over. */
export function machineVolumes(scratch: string): readonly string[] {
  const apt = join(scratch, 'apt.conf');
  writeFileSync(apt, aptSettings());
  const mounts: readonly (readonly [string, string])[] = [
    [npmSetting('userconfig'), '/root/.npmrc:ro'],
    [npmSetting('globalconfig'), '/usr/local/etc/npmrc:ro'],
    [npmSetting('cache'), '/root/.npm:rw'],
    ['/etc/ssl/certs', '/etc/ssl/certs:ro'],
    [apt, '/etc/apt/apt.conf.d/99machine:ro'],
  ];
  return mounts.flatMap(([path, target]) => (existsSync(path) ? ['--volume', `${path}:${target}`] : []));
}

/** The folder of the npm that this machine has. */
export function machineNpm(): string {
  const folder = join(askNpm(['root', '--global']), 'npm');
  if (!existsSync(folder)) throw new Error(`building the image needs npm, which is not in ${folder}`);
  return folder;
}

function npmSetting(name: string): string {
  return askNpm(['config', 'get', name]);
}

/** npm takes its place from the Node that runs it, or from the npm that runs this; the Node in node_modules must be neither's. */
function askNpm(args: readonly string[]): string {
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes(`${sep}node_modules${sep}`));
  const env: NodeJS.ProcessEnv = { ...process.env, PATH: path.join(delimiter) };
  delete env['npm_config_global_prefix'];
  const { stdout, error } = spawnSync('npm', args, { encoding: 'utf8', env });
  if (error !== undefined) throw new Error('building the image needs npm', { cause: error });
  return stdout.trim();
}

/** How apt reaches its servers; not what it runs afterwards, which is not in the image. */
function aptSettings(): string {
  const { stdout } = spawnSync('apt-config', ['dump', '--format', '%F "%v";%n', 'Acquire'], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .filter((line) => /^Acquire::(https?|ftp|Retries)/i.test(line))
    .map((line) => `${line}\n`)
    .join('');
}
