// Stories of lives: what fast-check makes up, and how one is lived and judged.
import fc from 'fast-check';
import type { Rules } from '../../../operator/plan/rules.ts';
import { DISTURBANCES } from './disturbance.ts';
import type { EarlierLife } from './earlier-life.ts';
import { EARLIER_LIVES, keepVolumes } from './earlier-life.ts';
import type { Round } from './life.ts';
import { Life, MISHAPS, unrest } from './life.ts';
import { World } from './objects.ts';

export interface Story {
  readonly seed: number;
  /** Replicas wanted at first. */
  readonly replicas: number;
  readonly earlier: EarlierLife;
  /** Replicas of the earlier life. */
  readonly members: number;
  readonly rounds: readonly Round[];
}

const often = <T>(value: T, arbitrary: fc.Arbitrary<T>, weight: number): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: fc.constant(value) }, { weight: 1, arbitrary });

const SEEN_FRESH = fc.constant([0, 0, 0, 0] as const);
const SEEN_STALE = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3));

/** Stories in which the API server's objects are seen as they are, or each kind as it was up to three rounds ago. */
export function stories(seen: 'fresh' | 'stale'): fc.Arbitrary<Story> {
  const round = fc.record({
    what: often('nothing' as const, fc.constantFrom(...DISTURBANCES), 2),
    pick: fc.nat(59),
    mishap: often('none' as const, fc.constantFrom(...MISHAPS), 2),
    deaf: often(0, fc.nat(31), 3),
    stale: seen === 'fresh' ? SEEN_FRESH : SEEN_STALE,
  });
  return fc.record({
    seed: fc.integer(),
    replicas: fc.constantFrom(1, 3, 5),
    earlier: fc.constantFrom(...EARLIER_LIVES),
    members: fc.constantFrom(1, 3, 5),
    rounds: fc.array(round, { minLength: 10, maxLength: 120, size: 'max' }),
  });
}

/** Lives a story: the rounds it took to come to rest. Throws, with the end of its history, when a law is broken or there is no rest. */
export function live({ seed, replicas, rounds, earlier, members }: Story, rules?: Rules): number {
  const world = new World(seed, replicas);
  keepVolumes(world, earlier, members, seed >>> 0);
  const remembers = rounds.some(({ stale }) => stale.some((states) => states > 0));
  const life = new Life(world, { remembers, ...(rules === undefined ? {} : { rules }) });
  for (const round of rounds) {
    life.round(round);
    if (world.violations.length > 0) throw told(world, world.violations.join('; '));
  }
  const took = life.calm();
  if (world.violations.length > 0) throw told(world, world.violations.join('; '));
  if (earlier === 'conflicting') return judgeConflict(world);
  if (took !== null) return took;
  const conditions = JSON.stringify(world.api.resource.status.conditions, null, 1);
  throw told(world, `no rest: ${unrest(world).join('; ')} ${conditions}`);
}

/** Nothing can be brought to rest, but people are told; no data is touched, which the laws say. */
function judgeConflict(world: World): number {
  const { conditions, clusterId } = world.api.resource.status;
  const known = new Set(
    [...world.api.claims.values()]
      .filter(({ member, lost }) => !lost && world.api.pods.has(member) && world.api.statefulSets.has(member))
      .flatMap(({ volume }) => volume.clusterId ?? []),
  );
  // One of the two clusters may have been lost meanwhile, or nobody looks at its volume.
  if (known.size < 2) return 1;
  const reason = conditions?.find(({ type }) => type === 'Degraded')?.reason;
  if (reason !== 'ConflictingData') throw told(world, `does not tell of conflicting data, but ${reason}`);
  if (clusterId !== undefined && !world.stores.has(clusterId)) throw told(world, `founded ${clusterId}`);
  return 1;
}

function told(world: World, what: string): Error {
  return new Error(`${what}\n${world.history.slice(-60).join('\n')}`);
}
