/**
 * Waiting for a learner: a change that gives it a vote is asked for again while the leader refuses it, as long as there is hope. How
 * far the learner is behind is shown meanwhile. Knows the leader's refusals by their code alone, never by their words.
 *
 * Invariant: ends within the given time and one call more, by the interruption, or `SILENT_MILLIS` after the last sign of hope.
 */
import { CAUGHT_UP_ENTRIES } from '../../cluster/caught-up.ts';
import { GraveyarError } from '../../client/index.ts';
import type { CallOptions, ClusterClient, ClusterMember } from '../../client/index.ts';
import { delay } from '../../lib/clock.ts';
import { EXIT } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { StatusLine } from '../status-line.ts';
import { grouped } from '../table.ts';
import type { Terminal } from '../terminal.ts';

export interface CatchUpOptions {
  readonly cluster: Pick<ClusterClient, 'members'>;
  /** Who is to catch up. */
  readonly learner: Pick<ClusterMember, 'id' | 'name'>;
  readonly terminal: Pick<Terminal, 'clock' | 'stderr' | 'interrupted'>;
  /** For how long; in words too. */
  readonly waitMillis: number;
}

/** Between two attempts. */
const PAUSE_MILLIS = 500;
/** A learner that was just added may not have been heard of yet, and one that restarts comes back; longer than this, it is gone. */
const SILENT_MILLIS = 30_000;
/** What else the leader refuses for may pass too: another change under way. */
const OTHER_MILLIS = 5_000;

/** How a learner is, as the leader sees it. */
interface Standing {
  readonly kind: 'behind' | 'silent' | 'other';
  readonly words: string;
}

/** Makes the change as soon as the leader takes it. Rejects with the leader's refusal, in time; with the reason of the interruption. */
export async function onceCaughtUp(
  { cluster, learner, terminal, waitMillis }: CatchUpOptions,
  change: (options: CallOptions) => Promise<void>,
): Promise<void> {
  const { clock, stderr, interrupted: signal } = terminal;
  const startedAt = clock.monotonicMillis();
  const limits: Readonly<Record<Standing['kind'], number>> = {
    behind: waitMillis,
    silent: SILENT_MILLIS,
    other: OTHER_MILLIS,
  };
  let standing: Standing | null = null;
  let since = startedAt;
  let line: StatusLine | null = null;
  try {
    for (;;) {
      const refusal = await refusalOf(change({ signal }));
      if (refusal === null) return;
      const now = standingOf(await cluster.members({ signal }), learner);
      if (now.kind !== standing?.kind) since = clock.monotonicMillis();
      standing = now;
      line ??= new StatusLine({ clock, stream: stderr }, () => {
        const seconds = (clock.monotonicMillis() - startedAt) / 1000;
        return `${nameOf(learner)} ${standing?.words ?? ''}  ${seconds.toFixed(0)} s`;
      });
      const waited = clock.monotonicMillis() - startedAt;
      const over = waited + PAUSE_MILLIS > waitMillis;
      if (over || clock.monotonicMillis() - since >= limits[now.kind]) {
        if (now.kind === 'other') throw refusal;
        const reason = `${nameOf(learner)} ${now.words}, after ${(waited / 1000).toFixed(0)} s of waiting`;
        throw new CommandFailure(reason, EXIT.conflict, { cause: refusal });
      }
      await delay(clock, PAUSE_MILLIS, signal);
    }
  } finally {
    line?.finish();
  }
}

/** A member for people: the name they gave it, and the id that tells it from others of the name. */
export function nameOf({ name, id }: Pick<ClusterMember, 'id' | 'name'>): string {
  return `${name} (${id})`;
}

async function refusalOf(change: Promise<void>): Promise<GraveyarError | null> {
  try {
    await change;
    return null;
  } catch (error) {
    if (error instanceof GraveyarError && error.code === 'MEMBERSHIP_REFUSED') return error;
    throw error;
  }
}

function standingOf(members: readonly ClusterMember[], { id }: Pick<ClusterMember, 'id'>): Standing {
  const learner = members.find((member) => member.id === id);
  const end = members.find(({ role }) => role === 'leader')?.matchIndex ?? null;
  if (learner?.role !== 'learner' || end === null) return { kind: 'other', words: 'is not to be given a vote yet' };
  if (learner.active === false) return { kind: 'silent', words: 'does not answer the leader' };
  const behind = Math.max(0, end - (learner.matchIndex ?? 0));
  const entries = `${grouped(behind)} entries behind`;
  if (learner.snapshotting === true) return { kind: 'behind', words: `is receiving a snapshot, ${entries}` };
  return { kind: behind > CAUGHT_UP_ENTRIES ? 'behind' : 'other', words: `is ${entries}` };
}
