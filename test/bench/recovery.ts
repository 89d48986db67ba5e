/**
 * Recovery from cut links: `node test/bench/recovery.ts --rounds 3`. Three members in network namespaces (a proxy where these are not
 * allowed), and a client with default settings that appends one event after the other. Each round cuts links for some seconds, several
 * times close together, and mends them; it prints the longest pause between two acknowledged appends while a majority could
 * talk and the client could reach it, and the time from the last mending to the next append. Exits 1 when an acknowledged event is missing.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { GraveyarClient } from '../../src/client/index.ts';
import { enterNetwork, networkWithin } from '../chaos/network/enter.ts';
import type { Link } from '../chaos/network/network.ts';
import { StoreUnderTest } from '../chaos/store-under-test.ts';
import { pause } from '../chaos/within.ts';

const NODES = 3;
const STREAM = 'recovery';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    network: { type: 'string', default: 'namespaces' },
    within: { type: 'string' },
  },
});
const rounds = Number(values.rounds);

/** What a scenario does, given the host that leads. `false`: a majority can talk, and be reached, throughout. */
interface Scenario {
  readonly name: string;
  readonly quorumIsCut: boolean;
  readonly links: (leader: number) => readonly Link[];
  readonly holds: readonly number[];
}

const hosts = [0, 1, 2, 3];
const between = (some: readonly number[], others: readonly number[]): Link[] =>
  some.flatMap((from) =>
    others.flatMap((to) =>
      from === to
        ? []
        : [
            { from, to },
            { from: to, to: from },
          ],
    ),
  );
const all = (): Link[] => between(hosts, hosts);

const scenarios: readonly Scenario[] = [
  { name: 'everybody from everybody, 8 s', quorumIsCut: true, links: all, holds: [8_000] },
  {
    name: 'everybody from everybody, four times 3 s',
    quorumIsCut: true,
    links: all,
    holds: [3_000, 3_000, 3_000, 3_000],
  },
  {
    name: 'members from each other, 8 s',
    quorumIsCut: true,
    links: () => between([1, 2, 3], [1, 2, 3]),
    holds: [8_000],
  },
  {
    name: 'clients from everybody, 8 s',
    quorumIsCut: true,
    links: () => between([0], [1, 2, 3]),
    holds: [8_000],
  },
  {
    name: 'the leader from everybody, 6 s',
    quorumIsCut: false,
    links: (leader) => between([leader], hosts),
    holds: [6_000],
  },
  {
    name: 'the leader from its peers, 6 s',
    quorumIsCut: false,
    links: (leader) => between([leader], [1, 2, 3]),
    holds: [6_000],
  },
  {
    name: 'the leader hears nobody, 6 s',
    quorumIsCut: false,
    links: (leader) => between([leader], hosts).filter(({ to }) => to === leader),
    holds: [6_000],
  },
  {
    name: 'nobody hears the leader, 6 s',
    quorumIsCut: false,
    links: (leader) => between([leader], hosts).filter(({ from }) => from === leader),
    holds: [6_000],
  },
];

process.exitCode = await (values.within === undefined ? outside() : inside(values.within));

function outside(): Promise<number> {
  const kind = values.network === 'proxy' ? 'proxy' : 'namespaces';
  const command = [fileURLToPath(import.meta.url), '--rounds', String(rounds)];
  return enterNetwork({ kind, hosts: NODES, command, millis: 3_600_000 });
}

async function inside(name: string): Promise<number> {
  const { network, close } = await networkWithin(name, NODES);
  const directory = mkdtempSync(join(tmpdir(), 'graveyar-recovery-'));
  const store = new StoreUnderTest({ directory, network, nodes: NODES, smallDiskBytes: 0, flags: [] });
  try {
    await store.start(60_000);
    return await measure(store);
  } finally {
    await Promise.all(store.members.map((member) => member.kill()));
    close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(store: StoreUnderTest): Promise<number> {
  const client = new GraveyarClient(store.addresses);
  const end = new AbortController();
  const acknowledged: { readonly id: string; readonly at: number }[] = [];
  const load = (async () => {
    while (!end.signal.aborted) {
      const id = randomUUID();
      await client.append(STREAM, [{ id, type: 'recovery' }]);
      acknowledged.push({ id, at: performance.now() });
      await pause(5);
    }
  })();
  const worst = new Map<string, number>();
  for (let round = 1; round <= rounds; round++) {
    for (const scenario of scenarios) {
      await after(acknowledged, performance.now());
      const begun = performance.now();
      for (const [index, millis] of scenario.holds.entries()) {
        const leader = store.leader()?.options.host.number ?? 1;
        if (index > 0) await pause(500);
        const links = scenario.links(leader);
        await Promise.all(links.map((link) => store.network.cut(link)));
        await pause(millis);
        await Promise.all(links.map((link) => store.network.mend(link)));
      }
      const mended = performance.now();
      const next = await after(acknowledged, mended);
      const millis = scenario.quorumIsCut ? next - mended : longest(acknowledged, begun, next);
      worst.set(scenario.name, Math.max(millis, worst.get(scenario.name) ?? 0));
      console.log(JSON.stringify({ round, cut: scenario.name, pauseMillis: Math.round(millis) }));
    }
  }
  end.abort();
  await load;
  const stored = new Set<string>();
  for await (const batch of client.readStream(STREAM).batches()) for (const { id } of batch) stored.add(id);
  client.close();
  const lost = acknowledged.filter(({ id }) => !stored.has(id)).length;
  const worstMillis = Object.fromEntries([...worst].map(([name, millis]) => [name, Math.round(millis)]));
  console.log(JSON.stringify({ rounds, worstMillis, appends: acknowledged.length, lost }));
  return lost > 0 ? 1 : 0;
}

/** When the first append after a moment was acknowledged; waits for it. */
async function after(acknowledged: readonly { readonly at: number }[], moment: number): Promise<number> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const last = acknowledged.at(-1);
    if (last !== undefined && last.at > moment) return acknowledged.find(({ at }) => at > moment)?.at ?? last.at;
    if (performance.now() > deadline) throw new Error('no append was acknowledged for two minutes');
    await pause(1);
  }
}

/** The longest time between two acknowledged appends from one moment to another. */
function longest(acknowledged: readonly { readonly at: number }[], from: number, to: number): number {
  let last = from;
  let pauseMillis = 0;
  for (const { at } of acknowledged) {
    if (at <= from || at > to) continue;
    pauseMillis = Math.max(pauseMillis, at - last);
    last = at;
  }
  return pauseMillis;
}
