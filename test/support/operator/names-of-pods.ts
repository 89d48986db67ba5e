/**
 * Loaded into a member's process before anything else (`node --import`): names of pods are looked up in a file, as there is no DNS of a
 * cluster. The file, named by PODS_FILE, is JSON of names to addresses; a name that is not in it does not exist.
 */
import dns from 'node:dns';
import type { LookupAddress, LookupOptions } from 'node:dns';
import { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isIP } from 'node:net';

type Callback = (error: NodeJS.ErrnoException | null, address?: string | LookupAddress[], family?: number) => void;

function addressOf(name: string): string | null {
  if (name === 'localhost') return '127.0.0.1';
  if (isIP(name) !== 0) return name;
  try {
    const pods = JSON.parse(readFileSync(process.env['PODS_FILE'] ?? '', 'utf8')) as Record<string, string>;
    return pods[name] ?? null;
  } catch {
    // Being written at this moment.
    return null;
  }
}

function notFound(name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND', syscall: 'getaddrinfo' });
}

function lookup(name: string, options: LookupOptions | number | Callback, callback?: Callback): void {
  const answer = typeof options === 'function' ? options : callback;
  const all = typeof options === 'object' && options.all === true;
  const address = addressOf(name);
  process.nextTick(() => {
    if (address === null) answer?.(notFound(name));
    else if (all) answer?.(null, [{ address, family: 4 }]);
    else answer?.(null, address, 4);
  });
}

function lookupPromise(name: string, options?: LookupOptions | number): Promise<LookupAddress | LookupAddress[]> {
  const address = addressOf(name);
  if (address === null) return Promise.reject(notFound(name));
  const found = { address, family: 4 };
  return Promise.resolve(typeof options === 'object' && options.all === true ? [found] : found);
}

Object.assign(dns, { lookup });
Object.assign(dns.promises, { lookup: lookupPromise });
syncBuiltinESMExports();
