/**
 * What a seed stands for: the size of its cluster, its settings, and how hard it is treated. All of it is drawn from the
 * seed, so that a seed is the whole description of a run. Must not know how it is carried out.
 */
import type { NetworkBehaviour } from './network.ts';
import { SeededRandom } from './random.ts';

/** Settings of the core that a run uses on all its nodes. */
export interface CoreSettings {
  readonly electionTick: number;
  readonly heartbeatTick: number;
  readonly maxSizePerMsg: number;
  readonly maxCommittedSizePerReady: number;
  readonly maxUncommittedEntriesSize: number;
  readonly maxInflightMsgs: number;
  readonly maxInflightBytes: number;
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  readonly disableProposalForwarding: boolean;
}

/** Settings of the log that a run uses on all its nodes. Bytes. */
export interface LogSettings {
  readonly segmentBytes: number;
  readonly maxGroupBytes: number;
  readonly cacheBytes: number;
}

export const FAULTS = [
  'crash',
  'crashSoon',
  'pause',
  'split',
  'oneWay',
  'cutLink',
  'mend',
  'weather',
  'stall',
  'failDisk',
  'flip',
  'wipe',
  'transfer',
  'campaign',
  'forgetLeader',
  'compact',
  'membership',
  'retire',
] as const;
export type Fault = (typeof FAULTS)[number];

/** A run's description. Times in microseconds. */
export interface Profile {
  readonly voters: number;
  readonly core: CoreSettings;
  readonly log: LogSettings;
  readonly tickMicros: number;
  readonly network: NetworkBehaviour;
  readonly writeMicros: number;
  readonly syncMicros: number;
  readonly applyMicros: number;
  /** Events of the first phase, in which faults happen. */
  readonly events: number;
  readonly faultMicros: number;
  readonly faults: Readonly<Record<Fault, number>>;
  readonly clientMicros: number;
  readonly maxPayloadBytes: number;
  /** Applied entries that a compaction leaves in the log. */
  readonly keepEntries: number;
  /** Most machines that a run makes, with the first ones. */
  readonly maxMachines: number;
}

/** Weights of the faults in a run that sees all of them. */
const WEIGHTS: Readonly<Record<Fault, number>> = {
  crash: 10,
  crashSoon: 12,
  pause: 4,
  split: 6,
  oneWay: 5,
  cutLink: 5,
  mend: 14,
  weather: 4,
  stall: 4,
  failDisk: 3,
  flip: 2,
  wipe: 2,
  transfer: 6,
  campaign: 4,
  forgetLeader: 1,
  compact: 10,
  membership: 14,
  retire: 1,
};

/** The profile of a seed. */
export function profileOf(seed: number): Profile {
  const random = new SeededRandom(seed, 'profile');
  const voters = Number(random.weighted({ '1': 4, '2': 4, '3': 52, '4': 5, '5': 35 }));
  const faults = { ...WEIGHTS };
  // Most runs leave some kinds out, so that the others combine in ways that a full mix would seldom leave time for.
  for (const fault of FAULTS) if (fault !== 'mend' && random.chance(0.3)) faults[fault] = 0;
  const maxDelay = random.pick([1_000, 5_000, 20_000, 60_000]) ?? 1_000;
  return {
    voters,
    core: coreSettings(random),
    log: {
      segmentBytes: random.pick([8_192, 16_384, 65_536]) ?? 8_192,
      maxGroupBytes: random.pick([512, 4_096, 65_536]) ?? 512,
      cacheBytes: random.pick([256, 2_048, 65_536]) ?? 256,
    },
    tickMicros: 10_000,
    network: {
      loss: random.pick([0, 0.01, 0.1, 0.3]) ?? 0,
      duplication: random.pick([0, 0.02, 0.2]) ?? 0,
      straggler: random.pick([0, 0.01, 0.05]) ?? 0,
      stragglerMicros: 1_500_000,
      minDelay: 100,
      maxDelay,
    },
    writeMicros: random.pick([50, 500]) ?? 50,
    syncMicros: random.pick([200, 2_000, 10_000]) ?? 200,
    applyMicros: random.pick([10, 1_000, 20_000]) ?? 10,
    events: random.between(500, 2_500),
    faultMicros: random.pick([20_000, 60_000, 150_000]) ?? 20_000,
    faults,
    clientMicros: random.pick([4_000, 15_000, 40_000]) ?? 4_000,
    maxPayloadBytes: random.pick([16, 200, 900]) ?? 16,
    keepEntries: random.pick([0, 3, 20]) ?? 0,
    maxMachines: voters + random.between(1, 4),
  };
}

function coreSettings(random: SeededRandom): CoreSettings {
  const maxSizePerMsg = random.pick([0, 100, 1_000, 100_000]) ?? 0;
  return {
    electionTick: random.between(5, 10),
    heartbeatTick: random.between(1, 2),
    maxSizePerMsg,
    maxCommittedSizePerReady: random.pick([100, 1_000, 100_000]) ?? 100,
    maxUncommittedEntriesSize: random.pick([1_000, 100_000]) ?? 1_000,
    maxInflightMsgs: random.pick([1, 2, 8, 64]) ?? 1,
    maxInflightBytes: random.chance(0.5) ? Math.max(500, maxSizePerMsg) : Infinity,
    checkQuorum: random.chance(0.85),
    preVote: random.chance(0.85),
    disableProposalForwarding: random.chance(0.5),
  };
}
