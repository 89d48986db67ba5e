/**
 * Where a program lives that brings trouble on links: in network namespaces, made for it; else behind proxies; else on plain loopback,
 * without links. Each program runs itself once more (`--within`) in what was made.
 */
import { spawn } from 'node:child_process';
import { CLIENT_PORT, PEER_PORT } from '../store-under-test.ts';
import { LoopbackNetwork } from './loopback.ts';
import { clientPrefix, createNamespaces, NamespaceNetwork, namespacesAllowed, removeNamespaces } from './namespaces.ts';
import type { Network } from './network.ts';
import { ProxyNetwork } from './proxy.ts';

/** What links are made of. */
export type NetworkKind = 'namespaces' | 'proxy' | 'loopback';

export interface Entering {
  readonly kind: NetworkKind;
  readonly hosts: number;
  /** This program's file and arguments. */
  readonly command: readonly string[];
  /** Killed after so long. */
  readonly millis: number;
}

/** Runs the program once more with `--within` in a network of this kind, or a proxy where namespaces are not allowed. Its exit code. */
export async function enterNetwork({ kind, hosts, command, millis }: Entering): Promise<number> {
  const again = [process.execPath, ...command, '--within'];
  if (kind !== 'namespaces') return run([...again, kind], millis);
  if (!(await namespacesAllowed())) return run([...again, process.platform === 'linux' ? 'proxy' : 'loopback'], millis);
  const spaces = { name: `gy${process.pid}`, hosts };
  try {
    await createNamespaces(spaces);
    return await run([...clientPrefix(spaces), ...again, spaces.name], millis);
  } finally {
    await removeNamespaces(spaces);
  }
}

/** The network that `--within` names, and what ends it. */
export async function networkWithin(
  name: string,
  hosts: number,
): Promise<{ network: Network; kind: NetworkKind; close: () => void }> {
  const nothing = (): void => undefined;
  if (name === 'loopback') return { network: new LoopbackNetwork(hosts), kind: name, close: nothing };
  if (name !== 'proxy') return { network: new NamespaceNetwork({ name, hosts }), kind: 'namespaces', close: nothing };
  const network = new ProxyNetwork(hosts, 20 + (process.pid % 200));
  await network.open([CLIENT_PORT, PEER_PORT]);
  return {
    network,
    kind: name,
    close: () => {
      network.close();
    },
  };
}

/** Runs a command to its end, bounded in time; signals are passed on, so that it can clean up. */
function run([program = '', ...args]: readonly string[], millis: number): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', timeout: millis, killSignal: 'SIGKILL' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
