/**
 * One PostgreSQL server with its default settings, which sync every commit, under pgbench: an insert of one event each. It has no
 * replicas, so this is what an application has that keeps its events in a table.
 */
import { execFile, execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../../support/free-ports.ts';

const run = promisify(execFile);

export interface InsertRate {
  readonly perSecond: number;
  readonly meanMillis: number;
}

const TABLE =
  'create table events (position bigserial primary key, stream text, id uuid unique, type text, data bytea, created timestamptz default now())';
const INSERT =
  "insert into events (stream, id, type, data) values ('bench-' || (random() * 999)::int, gen_random_uuid(), 'bench', decode(repeat('78', 256), 'hex'));";

/** By number of connections. Null where PostgreSQL is not installed or no user may run it. */
export async function measurePostgres(
  connections: readonly number[],
  seconds: number,
): Promise<Map<number, InsertRate> | null> {
  const user = postgresUser();
  if (user === null) return null;
  // Others must be able to reach it, as the server does not run as root.
  const directory = mkdtempSync(join(tmpdir(), 'graveyar-postgres-'));
  chownSync(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  mkdirSync(data, { mode: 0o700 });
  chownSync(data, user.uid, user.gid);
  const [port = 0] = await freePorts(1);
  const asUser = { ...user, cwd: directory, timeout: 120_000 };
  const at = ['-h', directory, '-p', String(port), '-U', 'postgres'];
  try {
    await run('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust'], asUser);
    const settings = `-p ${port} -k ${directory} -c listen_addresses= -c max_connections=200`;
    await run('pg_ctl', ['-D', data, '-w', '-l', join(directory, 'log'), '-o', settings, 'start'], asUser);
    try {
      await run('psql', [...at, '-c', TABLE, 'postgres'], asUser);
      const script = join(directory, 'insert.sql');
      writeFileSync(script, INSERT, { mode: 0o644 });
      const rates = new Map<number, InsertRate>();
      for (const count of connections) {
        const load = ['-n', '-f', script, '-c', String(count), '-j', '1', '-T', String(seconds)];
        const { stdout } = await run('pgbench', [...load, ...at, 'postgres'], asUser);
        rates.set(count, {
          perSecond: Math.round(found(stdout, /tps = ([\d.]+)/u)),
          meanMillis: found(stdout, /average = ([\d.]+)/u),
        });
      }
      return rates;
    } finally {
      await run('pg_ctl', ['-D', data, '-m', 'immediate', '-w', 'stop'], asUser);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function found(text: string, pattern: RegExp): number {
  const value = pattern.exec(text)?.[1];
  if (value === undefined) throw new Error(`pgbench said: ${text}`);
  return Number(value);
}

function postgresUser(): { readonly uid: number; readonly gid: number } | null {
  try {
    for (const program of ['initdb', 'pg_ctl', 'pgbench']) execFileSync('sh', ['-c', `command -v ${program}`]);
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return null;
  }
}
