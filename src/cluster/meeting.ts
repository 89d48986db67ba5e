/**
 * How the first members of a cluster meet, and how a process without a cluster gets into one.
 *
 * The members of a static list ask each other who they are. The one whose name sorts first makes the cluster, once it has heard
 * all others say that they belong to none and have the same list; it alone writes the first configuration, and the others get it like
 * any follower that is behind the log. So whoever lost its disk, and with it its id, is in nobody's configuration: it hears that a
 * cluster is there which does not know it, and waits to be added. Must not know Raft.
 */
import { delay } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Introduction, MemberInfo } from './member.ts';
import type { Beginning } from './replicated-node.ts';
import type { Transport } from './transport.ts';

export interface MeetingParts {
  readonly beginning: Beginning;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly self: () => Introduction;
  /** Somebody answered: where it can be reached. */
  readonly met: (member: MemberInfo) => void;
  /** All first members have been heard: makes the cluster of them. */
  readonly found: (members: readonly MemberInfo[]) => Promise<void>;
}

const ROUND_MILLIS = 500;
const ANSWER_MILLIS = 2000;
/** To be added takes a change of the configuration, and perhaps a way over another member. */
const JOIN_MILLIS = 10_000;

/** Goes on until this process belongs to a cluster, or the signal is aborted. Never rejects with anything expected. */
export async function meet(parts: MeetingParts, signal: AbortSignal): Promise<void> {
  const { beginning, self, clock } = parts;
  const told = new Set<string>();
  while (!signal.aborted && self().clusterId === null) {
    if (beginning.kind === 'initial-members') await meetFirstMembers(parts, told, signal);
    else if (beginning.kind === 'join') await askToJoin(parts, beginning.addresses, told, signal);
    else return;
    await delay(clock, ROUND_MILLIS, signal).catch(() => undefined);
  }
}

async function meetFirstMembers(parts: MeetingParts, told: Set<string>, signal: AbortSignal): Promise<void> {
  const { beginning, self, met, found, logger } = parts;
  if (beginning.kind !== 'initial-members') return;
  const own = self();
  const others = beginning.members.filter(({ name }) => name !== own.member.name);
  const answers = await Promise.all(others.map(({ address }) => introduction(parts, address, signal)));
  const heard: Introduction[] = [];
  for (const [i, answer] of answers.entries()) {
    if (answer === null) continue;
    const expected = others[i];
    if (answer.member.name !== expected?.name) {
      once(told, `name ${expected?.address ?? ''}`, () => {
        logger.warn('another member than the static list says is at this address', {
          address: expected?.address,
          expected: expected?.name,
          found: answer.member.name,
        });
      });
    } else if (answer.clusterId !== null) {
      const { clusterId, knownIds } = answer;
      if (!knownIds.includes(own.member.id)) {
        once(told, `cluster ${clusterId}`, () => {
          logger.warn('a cluster is there already and does not know this member, which waits to be added', {
            clusterId,
            memberId: own.member.id,
            advice: 'graveyar cluster add-learner',
          });
        });
      }
      met(answer.member);
    } else if (answer.initialMembers.join() !== own.initialMembers.join()) {
      once(told, `list ${answer.member.name}`, () => {
        const lists = { own: own.initialMembers, other: answer.initialMembers, member: answer.member.name };
        logger.warn('the static lists of the first members differ: no cluster is made', lists);
      });
    } else {
      met(answer.member);
      heard.push(answer);
    }
  }
  const isFirst = own.initialMembers[0] === own.member.name;
  const alone = self().clusterId === null && !signal.aborted;
  if (isFirst && alone && heard.length === others.length) {
    await found([own.member, ...heard.map(({ member }) => member)]);
  }
}

async function askToJoin(
  { transport, self, clock, logger }: MeetingParts,
  addresses: readonly string[],
  told: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  for (const address of addresses) {
    if (self().clusterId !== null || signal.aborted) return;
    try {
      await withDeadline(clock, JOIN_MILLIS, signal, noAnswer, (own) => transport.join(address, self(), own));
      return;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      once(told, `${address} ${reason}`, () => {
        logger.info('not added by this member yet', { address, reason });
      });
    }
  }
}

async function introduction(
  { transport, self, clock }: MeetingParts,
  address: string,
  signal: AbortSignal,
): Promise<Introduction | null> {
  try {
    return await withDeadline(clock, ANSWER_MILLIS, signal, noAnswer, (own) =>
      transport.introduce(address, self(), own),
    );
  } catch {
    return null;
  }
}

function noAnswer(): Error {
  return new Error('no answer in time');
}

/** Says something once. */
function once(told: Set<string>, what: string, say: () => void): void {
  if (told.has(what) || told.size > 1000) return;
  told.add(what);
  say();
}
