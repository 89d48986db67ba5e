/**
 * What a seed stands for when whole nodes are simulated: how many, their settings, and how hard they are treated. Must not know
 * how it is carried out.
 */
import { SeededRandom } from '../random.ts';
import type { DriverSettings } from '../../../src/cluster/driver-settings.ts';

export const WHOLE_FAULTS = [
  'crash',
  'crashSoon',
  'pause',
  'restart',
  'split',
  'oneWay',
  'cutLink',
  'mend',
  'weather',
  'stall',
  'failDisk',
  'wipe',
  'transfer',
  'add',
  'promote',
  'remove',
  'replace',
] as const;
export type WholeFault = (typeof WHOLE_FAULTS)[number];

/** How bad the network is. Probabilities per message; times in microseconds. */
export interface WireBehaviour {
  loss: number;
  duplication: number;
  /** Held back for up to `stragglerMicros`. */
  straggler: number;
  stragglerMicros: number;
  minDelay: number;
  maxDelay: number;
}

/** Times in microseconds. */
export interface WholeProfile {
  readonly voters: number;
  readonly settings: DriverSettings;
  readonly segmentBytes: number;
  readonly wire: WireBehaviour;
  readonly writeMicros: number;
  readonly syncMicros: number;
  /** Of the state's engine: a write, and a read that is not answered at once. */
  readonly applyMicros: number;
  readonly readMicros: number;
  /** Wall clocks of machines are so far apart. */
  readonly skewMicros: number;
  /** When faults begin: at once, so that they meet the founding of the cluster, or later. */
  readonly calmMicros: number;
  /** Virtual time in which faults happen. */
  readonly phaseMicros: number;
  readonly faultMicros: number;
  readonly faults: Readonly<Record<WholeFault, number>>;
  readonly clients: number;
  readonly subscribers: number;
  /** Rest of a client between operations. */
  readonly restMicros: number;
  readonly streams: number;
  readonly maxDataBytes: number;
  /** Most groups that the pipeline has in flight. */
  readonly groupsInFlight: number;
  readonly maxMachines: number;
}

const WEIGHTS: Readonly<Record<WholeFault, number>> = {
  crash: 10,
  crashSoon: 14,
  pause: 6,
  restart: 4,
  split: 8,
  oneWay: 5,
  cutLink: 5,
  mend: 18,
  weather: 4,
  stall: 4,
  failDisk: 3,
  wipe: 3,
  transfer: 8,
  add: 14,
  promote: 8,
  remove: 5,
  replace: 8,
};

/** The profile of a seed. */
export function wholeProfileOf(seed: number): WholeProfile {
  const random = new SeededRandom(seed, 'whole profile');
  const pick = (...values: readonly number[]): number => random.pick(values) ?? 0;
  const faults = { ...WEIGHTS };
  // Most runs leave some kinds out, so that the others combine in ways that a full mix would seldom leave time for.
  for (const fault of WHOLE_FAULTS) if (fault !== 'mend' && random.chance(0.35)) faults[fault] = 0;
  const voters = Number(random.weighted({ '1': 5, '3': 70, '5': 25 }));
  return {
    voters,
    settings: {
      tickMillis: 10,
      electionTicks: random.between(6, 10),
      heartbeatTicks: random.between(1, 2),
      maxMessageBytes: pick(200, 2_000, 100_000),
      maxInflightMessages: pick(1, 4, 64),
      maxInflightBytes: 1_000_000,
      maxUncommittedBytes: pick(4_000, 1_000_000),
      maxUnappliedBytes: pick(1_000, 1_000_000),
      trimBytes: pick(1_500, 6_000, 100_000),
      keepEntries: pick(0, 4, 50),
      keepBytes: 1_000_000,
      snapshotChunkBytes: pick(1, 400, 4_000, 1_000_000),
      leaderWaitTimeouts: pick(1, 3),
    },
    segmentBytes: pick(8_192, 32_768),
    wire: {
      loss: pick(0, 0, 0.02, 0.15),
      duplication: pick(0, 0.02, 0.15),
      straggler: pick(0, 0.01, 0.05),
      stragglerMicros: 800_000,
      minDelay: 100,
      maxDelay: pick(1_000, 5_000, 20_000),
    },
    writeMicros: pick(50, 500),
    syncMicros: pick(200, 2_000, 8_000),
    applyMicros: pick(20, 1_000, 15_000),
    readMicros: pick(50, 2_000),
    skewMicros: pick(0, 5_000, 2_000_000),
    calmMicros: pick(0, 700_000, 700_000, 1_000_000),
    phaseMicros: pick(1_500_000, 3_000_000, 5_000_000),
    faultMicros: pick(40_000, 120_000, 300_000),
    faults,
    clients: random.between(2, 6),
    subscribers: random.between(0, 3),
    restMicros: pick(1_000, 4_000, 20_000),
    streams: pick(1, 2, 4, 8),
    maxDataBytes: pick(8, 200, 1_500),
    groupsInFlight: pick(1, 2, 4),
    maxMachines: voters + random.between(0, 3),
  };
}
