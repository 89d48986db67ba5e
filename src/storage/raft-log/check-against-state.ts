/**
 * Whether a log and the state that was made from it belong together, judged when a process starts.
 */
import { StoreError } from '../../domain/errors.ts';
import { DAMAGE_ADVICE } from '../segment-log/damage.ts';
import type { LogReplay } from './log-replay.ts';
import type { AppliedState } from './types.ts';

/** Refuses, with STORAGE_CORRUPT, a log that cannot be the one that the state was made from. */
export function checkAgainstState(directory: string, { index, base }: LogReplay, applied: AppliedState): void {
  const refuse = (problem: string): never => {
    const advice = DAMAGE_ADVICE;
    throw new StoreError('STORAGE_CORRUPT', `${directory} is damaged: ${problem}. ${advice}`, {
      path: directory,
      advice,
    });
  };
  if (index.last < applied.index) {
    refuse(`the log ends with entry ${index.last}, but entry ${applied.index} has been applied, so its tail is lost`);
  }
  if (base.origin === 'compaction' && base.index > applied.index) {
    refuse(`the log begins after entry ${base.index}, but the state has been applied only up to ${applied.index}`);
  }
  if (index.last > index.base && index.place(index.base + 1) === null) {
    refuse(`entry ${index.base + 1} is missing, as the oldest segment files are gone`);
  }
}
