/**
 * Ports for servers that have to know theirs before they start, or come back to it. Below those that the system gives to outgoing
 * connections (ip_local_port_range), one of which may otherwise have it by then.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 12_000;
const END = 32_000;
const MOST_TRIES = 200;

const given = new Set<number>();

/** So many ports on 127.0.0.1 that nobody listens on now; never one that this process was given before. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries += 1) {
    if (tries === MOST_TRIES + count) throw new Error(`no ${count} free ports were found between ${FIRST} and ${END}`);
    const port = randomInt(FIRST, END);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
