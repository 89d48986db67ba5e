/**
 * Debian's packages that a node is made of. Installed where they may be and are not there yet; nothing that a package brings is
 * started as a service of this machine.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

/** A package, by a file that tells that it is installed. */
const PACKAGES: Readonly<Record<string, string>> = {
  containerd: '/usr/bin/containerd',
  runc: '/usr/sbin/runc',
  'containernetworking-plugins': '/usr/lib/cni/ptp',
  iproute2: '/sbin/ip',
  iptables: '/usr/sbin/iptables',
  conntrack: '/usr/sbin/conntrack',
  openssl: '/usr/bin/openssl',
  'util-linux': '/usr/bin/unshare',
};

const INSTALL_MILLIS = 600_000;
/** While it is there and answers 101, packages start no service when they are installed. */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

/** Throws, naming what is missing, where it may not be installed. */
export function ensureNodePackages(): void {
  const missing = Object.entries(PACKAGES).flatMap(([name, file]) => (existsSync(file) ? [] : [name]));
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(
      `a Kubernetes node needs these packages, which only root of a Debian can install: ${missing.join(', ')}`,
    );
  }
  console.log(`installing ${missing.join(', ')}, which a Kubernetes node needs`);
  const ownPolicy = !existsSync(SERVICE_POLICY);
  if (ownPolicy) writeFileSync(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    aptGet('update');
    aptGet('install', '--yes', '--no-install-recommends', ...missing);
  } finally {
    if (ownPolicy) rmSync(SERVICE_POLICY, { force: true });
  }
}

function aptGet(...args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync('apt-get', args, {
    encoding: 'utf8',
    timeout: INSTALL_MILLIS,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) throw new Error(`apt-get ${args.join(' ')} failed:\n${stdout}\n${stderr}`);
}
