/** Debian's h2load on a server that takes the same body again: a check that our own load generator is not what is measured. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PreparedCall } from './raw-http2.ts';

const run = promisify(execFile);

/** Calls a second. */
export async function loadEtcd(
  address: string,
  call: PreparedCall,
  options: { readonly inFlight: number; readonly millis: number },
): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'graveyar-h2load-'));
  try {
    const body = call.body(0);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(body.length, 1);
    const file = join(directory, 'body');
    writeFileSync(file, Buffer.concat([prefix, body]));
    const clients = Math.ceil(options.inFlight / 128);
    const load = ['-c', String(clients), '-m', String(Math.ceil(options.inFlight / clients))];
    const time = ['-D', String(options.millis / 1000), '--warm-up-time', '1'];
    const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
    const { stdout } = await run('h2load', [...load, ...time, ...headers, '-d', file, `http://${address}${call.path}`]);
    const rate = /finished in [^,]+, ([\d.]+) req\/s/u.exec(stdout)?.[1];
    if (rate === undefined || !/ 0 failed, 0 errored/u.test(stdout)) throw new Error(`h2load failed: ${stdout}`);
    return Math.round(Number(rate));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
