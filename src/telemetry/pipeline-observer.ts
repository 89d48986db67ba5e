/**
 * What the append pipeline reports of its work, as a port: metrics implement it, tests look through it. Implementations
 * return at once and never throw. Knows nothing of metrics.
 */
import type { ErrorCode } from '../domain/errors.ts';

/** What became of an append: durable, there already, or an error's code. */
export type AppendOutcome = 'accepted' | 'duplicate' | ErrorCode;

export interface PipelineObserver {
  /** An append was answered. `millis` from its admission to its answer; `events` of all its streams. */
  appendAnswered(outcome: AppendOutcome, events: number, millis: number): void;
  /**
   * A group was decided and handed to the store: how many appends (a transaction counts once for each stream) and events it
   * commits, and its bytes.
   */
  groupDecided(appends: number, events: number, bytes: number): void;
  /** A group became durable (or failed to). `millis` from the call of commit. */
  groupCommitted(outcome: 'committed' | 'lost-race' | 'failed', millis: number): void;
  /** After each group was taken: what still waits in the admission queue, and groups not yet answered. */
  queueMeasured(appends: number, bytes: number, groupsInFlight: number): void;
}

/** Reports to nobody. */
export const SILENT_PIPELINE: PipelineObserver = {
  appendAnswered: () => undefined,
  groupDecided: () => undefined,
  groupCommitted: () => undefined,
  queueMeasured: () => undefined,
};
