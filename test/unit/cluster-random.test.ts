// Random crashes, cuts and changes of leader under load on three members: what was answered is there, once, everywhere, in one order.
import { describe, expect, it } from 'vitest';
import { isStoreError } from '../../src/domain/errors.ts';
import type { AppendResult } from '../../src/domain/append.ts';
import { ANY, append, at, eventId, NO_STREAM } from '../support/events.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { seededRandom } from '../support/memory-file-system.ts';

const NAMES = ['a', 'b', 'c'];
const FIRST_SEED = Number(process.env['CLUSTER_SEED'] ?? 1);
const SEEDS = Number(process.env['CLUSTER_SEEDS'] ?? 4);
const STEPS = 12;

/** Clients that append until they are told to stop, and remember what they were answered. */
class Load {
  readonly answers = new Map<number, AppendResult>();
  readonly #cluster: MemoryCluster;
  readonly #clients: Promise<void>[];
  #next = 0;
  #stopping = false;

  constructor(cluster: MemoryCluster, random: () => number) {
    this.#cluster = cluster;
    this.#clients = Array.from({ length: 6 }, (_, n) => this.#run(`s${n % 3}`, random));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#clients);
  }

  #isStopping(): boolean {
    return this.#stopping;
  }

  async #run(streamId: string, random: () => number): Promise<void> {
    let revision = -1;
    while (!this.#stopping) {
      const id = this.#next++;
      const expected = random() < 0.5 ? ANY : revision < 0 ? NO_STREAM : at(revision);
      let answered = false;
      while (!answered && !this.#isStopping()) {
        const members = [...this.#cluster.members.values()];
        const member = members[Math.floor(random() * members.length)];
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (member === undefined) continue;
        try {
          const [result] = await member.pipeline.append(append(streamId, [id], expected), AbortSignal.timeout(3000));
          if (result !== undefined) this.answers.set(id, result);
          revision = result?.lastRevision ?? revision;
          answered = true;
        } catch (error) {
          if (!isStoreError(error)) throw error;
          if (error.is('WRONG_EXPECTED_VERSION')) {
            revision = error.details.actualRevision ?? -1;
            answered = true;
          }
        }
      }
    }
  }
}

async function disturb(cluster: MemoryCluster, random: () => number): Promise<void> {
  const name = NAMES[Math.floor(random() * NAMES.length)] ?? 'a';
  const kind = Math.floor(random() * 4);
  if (kind === 0) {
    await cluster.crash(name);
    await wait(random() * 150);
    await cluster.open(name);
  } else if (kind === 1) {
    cluster.network.isolate(name);
    await wait(random() * 300);
    cluster.network.heal();
  } else if (kind === 2) {
    for (const other of NAMES) if (other !== name) cluster.network.cut(name, other);
    await wait(random() * 200);
    cluster.network.heal();
  } else {
    await cluster.member(name).node.handOver(300);
  }
  await wait(random() * 100);
}

function wait(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

describe('a cluster under random faults', () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
    it(`loses and repeats nothing (seed ${seed})`, { timeout: 60_000 }, async () => {
      const random = seededRandom(seed);
      const settings = random() < 0.5 ? { trimBytes: 5000, keepBytes: 1000, keepEntries: 5 } : {};
      const cluster = await MemoryCluster.start(NAMES, settings);
      const load = new Load(cluster, random);
      for (let step = 0; step < STEPS; step += 1) await disturb(cluster, random);
      await load.stop();
      await cluster.append(1_000_000, 'last');
      const { store } = (await cluster.leader()).node;
      await cluster.level(store.appliedEnd);
      const contents = await cluster.contents('a');
      expect(contents.length).toBe(store.appliedEnd);
      for (const name of NAMES) expect(await cluster.contents(name), `${name} (seed ${seed})`).toEqual(contents);
      expect(new Set(contents).size, `every event once (seed ${seed})`).toBe(contents.length);
      expect(load.answers.size).toBeGreaterThan(0);
      for (const [id, { firstPosition }] of load.answers) expect(contents[firstPosition]).toBe(eventId(id));
      await cluster.stop();
    });
  }
});
