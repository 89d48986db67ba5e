/**
 * A store of three members on loopback for benchmarks: real processes with default settings, data on the machine's disk.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Member } from '../chaos/member.ts';
import { LoopbackNetwork } from '../chaos/network/loopback.ts';
import { StoreUnderTest } from '../chaos/store-under-test.ts';

/** Stopped, and its data removed, by {@link remove}. */
export interface RunningStore {
  readonly store: StoreUnderTest;
  readonly leader: () => Promise<Member>;
  readonly remove: () => Promise<void>;
}

const START_MILLIS = 60_000;
const LEADER_MILLIS = 30_000;

/** Starts so many members with their default settings. */
export async function startMembers(nodes: number): Promise<RunningStore> {
  const directory = mkdtempSync(join(tmpdir(), 'graveyar-bench-'));
  const network = new LoopbackNetwork(nodes);
  const store = new StoreUnderTest({ directory, network, nodes, smallDiskBytes: 0, flags: [] });
  const remove = async (): Promise<void> => {
    await Promise.all(store.members.map((member) => member.kill()));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await store.start(START_MILLIS);
  } catch (error) {
    await remove();
    throw error;
  }
  return { store, leader: () => leaderOf(store), remove };
}

async function leaderOf(store: StoreUnderTest): Promise<Member> {
  const deadline = performance.now() + LEADER_MILLIS;
  for (;;) {
    const leader = store.leader();
    if (leader !== null) return leader;
    if (performance.now() > deadline) throw new Error('no member says that it leads');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
