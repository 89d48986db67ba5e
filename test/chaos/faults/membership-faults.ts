/** Changes of the membership while clients go on: leadership handed over, and a member that lost its disk replaced. */
import { joinFlags } from '../cluster-commands.ts';
import { runGraveyar } from '../../support/server-process.ts';
import type { Member } from '../member.ts';
import type { StoreUnderTest } from '../store-under-test.ts';
import { pause } from '../within.ts';
import type { Fault } from './fault.ts';

const CHANGE_MILLIS = 120_000;
const hasPeers = ({ members }: StoreUnderTest): boolean => members.length >= 3;

export const membershipFaults: readonly Fault[] = [
  {
    name: 'leadership handed over',
    possible: hasPeers,
    victim: () => 'the leader',
    // Another fault at the same time may make it impossible.
    run: async ({ store }) => {
      await cluster(store.addresses, ['transfer']);
    },
  },
  {
    name: 'lost disk: removed, joined anew as a learner, promoted',
    possible: hasPeers,
    losesDisk: true,
    run: async ({ store, target }) => {
      const others = store.members.filter((member) => member !== target);
      const lost = target.memberName;
      await takeAway(target);
      await change(others, ['remove', lost], lost);
      await begin(target, others);
      await change(others, ['promote', target.memberName]);
    },
  },
  {
    name: 'lost disk: joined anew as a learner, put in place of the lost member in one step',
    possible: hasPeers,
    losesDisk: true,
    run: async ({ store, target }) => {
      const others = store.members.filter((member) => member !== target);
      const lost = target.memberName;
      await takeAway(target);
      await begin(target, others);
      await change(others, ['replace', lost, target.memberName], lost);
      // Says nothing when it is done, as it should be by then.
      await change(others, ['promote', target.memberName]);
    },
  },
];

/** Kills a member for good: a fault that goes on at the same time must not start it again on the disk that it is about to lose. */
async function takeAway(member: Member): Promise<void> {
  member.heldBack = true;
  await member.kill();
}

/** Starts a member on an empty disk, under a new name. */
async function begin(member: Member, others: readonly Member[]): Promise<void> {
  member.loseDisk((name, { host, peerPort }) => joinFlags(name, host, peerPort, others));
  member.heldBack = false;
  await member.start();
}

/**
 * Asks again until it is done: the store may be without a leader for longer than a command waits, or the learner cut off. The answer to an earlier
 * attempt may have been lost: then `gone` is no member any more.
 */
async function change(members: readonly Member[], args: readonly string[], gone: string | null = null): Promise<void> {
  const deadline = performance.now() + CHANGE_MILLIS;
  const addresses = members.map(({ clientAddress }) => clientAddress);
  for (;;) {
    const answer = await cluster(addresses, args);
    if (answer === null || (gone !== null && answer.includes(`there is no member ${gone};`))) return;
    if (performance.now() > deadline) throw new Error(`graveyar cluster ${args.join(' ')}: ${answer}`);
    await pause(300);
  }
}

/** What is wrong; null: it is done. */
async function cluster(addresses: readonly string[], args: readonly string[]): Promise<string | null> {
  // Not for long: another fault may have taken the leader, or the learner.
  const wait = args[0] === 'promote' || args[0] === 'replace' ? ['--wait', '15s'] : [];
  const command = ['cluster', ...args, ...wait, '--address', addresses.join(','), '--timeout', '10s'];
  const { code, stdout, stderr } = await runGraveyar(command, { timeoutMillis: 45_000 });
  return code === 0 ? null : `${stdout} ${stderr}`.trim();
}
