/**
 * What falls due with a tick beside the core's own time: reads whose round was lost, proposals of a leadership that is over, and a
 * disk that stands still, which must not lead.
 *
 * Invariant: a member that is no leader, and whose disk has not answered for half an election timeout, gets no ticks: it begins no election.
 * Must not know the core.
 */
import type { ClusterObserver } from '../telemetry/cluster-observer.ts';
import type { AppendTasks } from './append-tasks.ts';
import type { DriverSettings } from './driver-settings.ts';
import type { Proposals } from './proposals.ts';
import type { ReadRounds } from './read-rounds.ts';

export interface TickDutiesParts {
  readonly settings: DriverSettings;
  readonly proposals: Proposals;
  readonly reads: ReadRounds;
  readonly appending: AppendTasks;
  readonly observer: ClusterObserver;
  readonly leading: () => boolean;
  /** Hands the leadership to whoever could take over best. */
  readonly flee: () => void;
}

export class TickDuties {
  readonly #parts: TickDutiesParts;
  readonly #electionMillis: number;
  #orphanedTicks = 0;

  constructor(parts: TickDutiesParts) {
    this.#parts = parts;
    this.#electionMillis = parts.settings.electionTicks * parts.settings.tickMillis;
  }

  /** Whether the disk has not answered for so long that this member should not lead. */
  get diskStalled(): boolean {
    return this.#parts.appending.stalledMillis > this.#electionMillis / 2;
  }

  /** Role, term or leader changed: proposals have a new chance to be heard of. */
  officeChanged(): void {
    this.#orphanedTicks = 0;
  }

  /** Does what is due. Answers whether the core may have the tick. */
  tick(): boolean {
    const { reads, appending, observer, leading, flee } = this.#parts;
    reads.tick();
    this.#giveUpOrphans();
    const stalled = appending.stalledMillis;
    if (leading()) {
      if (stalled <= this.#electionMillis) return true;
      observer.diskStalled(stalled);
      // Somebody else should lead.
      flee();
    } else if (this.diskStalled) {
      observer.diskStalled(stalled);
      return false;
    }
    return true;
  }

  /** Proposals of a leadership that is over, of which nothing was heard for an election timeout. */
  #giveUpOrphans(): void {
    const { proposals, leading, settings } = this.#parts;
    if (leading() || proposals.count === 0) {
      this.#orphanedTicks = 0;
      return;
    }
    this.#orphanedTicks += 1;
    if (this.#orphanedTicks > settings.electionTicks) {
      proposals.giveUp('this member leads no more, and could not learn what became of the append');
    }
  }
}
