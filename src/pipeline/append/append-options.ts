/**
 * What the append pipeline can be told, with its defaults.
 */
import type { Clock } from '../../lib/clock.ts';
import { systemClock, yieldToEventLoop } from '../../lib/clock.ts';
import { limits } from '../../domain/limits.ts';
import { assert } from '../../lib/assert.ts';
import { SILENT_PIPELINE } from '../../telemetry/pipeline-observer.ts';
import type { PipelineObserver } from '../../telemetry/pipeline-observer.ts';
import type { AdmissionLimits } from './admission.ts';
import type { GroupLimits } from './group-appends.ts';

export interface AppendOptions {
  readonly admission: AdmissionLimits;
  readonly group: GroupLimits;
  /** Groups decided and not yet answered, at most. Two: one is being synced, the next is ready behind it. */
  readonly maxGroupsInFlight: number;
  /** Bytes of groups that are decided but not applied, at most, before the next group waits; one group is always taken. */
  readonly maxUnappliedBytes: number;
  /** How often an append's group may lose the race for the store before the append fails. */
  readonly maxRaces: number;
  readonly clock: Clock;
  readonly observer: PipelineObserver;
  /** Lets the rest of a turn's requests arrive before the first group after an idle time is taken. */
  readonly nextTurn: () => Promise<void>;
}

const MiB = 1024 * 1024;

export const DEFAULT_APPEND_OPTIONS: AppendOptions = {
  admission: { maxAppends: 16_384, maxBytes: 256 * MiB, maxWaitMillis: 10_000 },
  group: { maxAppends: 512, maxEvents: 5_000, maxBytes: 8 * MiB },
  maxGroupsInFlight: 2,
  maxUnappliedBytes: 64 * MiB,
  maxRaces: 16,
  clock: systemClock,
  observer: SILENT_PIPELINE,
  nextTurn: yieldToEventLoop,
};

assert(DEFAULT_APPEND_OPTIONS.admission.maxBytes >= limits.appendBytes, 'the queue must have room for any append');
