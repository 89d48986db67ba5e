/** Faults of links: cut in both directions or in one, slow, or working only now and then. */
import type { Member } from '../member.ts';
import type { Link } from '../network/network.ts';
import type { StoreUnderTest } from '../store-under-test.ts';
import type { Fault, FaultContext } from './fault.ts';

const CLIENTS = 0;
const hasLinks = (store: StoreUnderTest): boolean => store.network.hasLinks;
const hasPeers = (store: StoreUnderTest): boolean => hasLinks(store) && store.members.length >= 3;

function hostOf(member: Member): number {
  return member.options.host.number;
}

/** Links between a member and all others, and the clients when `clients`. */
function linksOf(store: StoreUnderTest, member: Member, clients: boolean): { out: Link[]; back: Link[] } {
  const own = hostOf(member);
  const others = store.members.map(hostOf).filter((host) => host !== own);
  if (clients) others.push(CLIENTS);
  return { out: others.map((to) => ({ from: own, to })), back: others.map((from) => ({ from, to: own })) };
}

async function cutFor(context: FaultContext, links: readonly Link[], millis: number): Promise<void> {
  const { network } = context.store;
  await Promise.all(links.map((link) => network.cut(link)));
  await context.hold(millis);
  await Promise.all(links.map((link) => network.mend(link)));
}

export const networkFaults: readonly Fault[] = [
  {
    name: 'partition: one member from everybody',
    possible: hasLinks,
    run: async (context) => {
      const { out, back } = linksOf(context.store, context.target, true);
      await cutFor(context, [...out, ...back], 6_000);
    },
  },
  {
    name: 'partition: one member from its peers, not from clients',
    possible: hasPeers,
    run: async (context) => {
      const { out, back } = linksOf(context.store, context.target, false);
      await cutFor(context, [...out, ...back], 6_000);
    },
  },
  {
    name: 'partition: one member from clients, not from its peers',
    possible: hasLinks,
    run: async (context) => {
      const own = hostOf(context.target);
      const links = [
        { from: own, to: CLIENTS },
        { from: CLIENTS, to: own },
      ];
      await cutFor(context, links, 4_000);
    },
  },
  {
    name: 'one-way partition: one member hears nobody',
    possible: hasLinks,
    run: async (context) => cutFor(context, linksOf(context.store, context.target, true).back, 6_000),
  },
  {
    name: 'one-way partition: nobody hears one member',
    possible: hasLinks,
    run: async (context) => cutFor(context, linksOf(context.store, context.target, true).out, 6_000),
  },
  {
    name: 'one-way partition: one member hears no peer, but clients',
    possible: hasPeers,
    run: async (context) => cutFor(context, linksOf(context.store, context.target, false).back, 6_000),
  },
  {
    name: 'partition: two members cannot reach each other',
    possible: hasPeers,
    run: async (context) => {
      const { store, target, random } = context;
      const others = store.members.filter((member) => member !== target);
      const other = others[random.integer(others.length)] ?? target;
      const links = [
        { from: hostOf(target), to: hostOf(other) },
        { from: hostOf(other), to: hostOf(target) },
      ];
      await cutFor(context, links, 6_000);
    },
  },
  {
    name: 'slow link: 400 kbit/s, queue of 300 ms, then loss',
    possible: hasLinks,
    run: async ({ store, target, hold }) => {
      await store.network.slow(hostOf(target), 400);
      await hold(6_000);
      await store.network.unslow(hostOf(target));
    },
  },
  {
    name: 'lossy link: nothing passes for a third of the time',
    possible: hasLinks,
    run: async (context) => {
      const { out, back } = linksOf(context.store, context.target, true);
      for (let times = 0; times < 12; times++) {
        await cutFor(context, [...out, ...back], 120);
        await context.hold(300);
      }
    },
  },
];
