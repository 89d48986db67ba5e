/**
 * Majorities, single and joint (Raft paper, section 5; dissertation, section 4.3).
 *
 * A majority configuration is a sorted array of ids; the empty one agrees to everything, so that half a joint
 * configuration behaves as the other half alone. Must not know what is being agreed on.
 */

/** Ids of voters, sorted ascending, without duplicates. */
export type MajorityConfig = readonly number[];

/** Both halves of a configuration; `outgoing` is empty unless it is joint. */
export interface JointConfig {
  readonly incoming: MajorityConfig;
  readonly outgoing: MajorityConfig;
}

/** What a vote comes to. */
export const VoteResult = {
  /** Neither side has a majority, and each still may. */
  Pending: 0,
  Lost: 1,
  Won: 2,
} as const;
export type VoteResult = (typeof VoteResult)[keyof typeof VoteResult];

/** Index each voter has acknowledged; undefined when it has not reported. */
export type AckedIndex = (id: number) => number | undefined;

/** Sorts the first `count` numbers in place; configurations are small. */
function insertionSort(numbers: number[], count: number): void {
  for (let i = 1; i < count; i++) {
    const value = numbers[i] as number;
    let j = i - 1;
    while (j >= 0 && (numbers[j] as number) > value) {
      numbers[j + 1] = numbers[j] as number;
      j--;
    }
    numbers[j + 1] = value;
  }
}

// Reused by every call: the code is synchronous and keeps nothing of it.
const scratch: number[] = [];

/** Greatest index that a majority has acknowledged: Infinity for the empty configuration. */
export function majorityCommittedIndex(config: MajorityConfig, acked: AckedIndex): number {
  const count = config.length;
  if (count === 0) return Infinity;
  for (let i = 0; i < count; i++) scratch[i] = acked(config[i] as number) ?? 0;
  insertionSort(scratch, count);
  const quorum = Math.floor(count / 2) + 1;
  return scratch[count - quorum] as number;
}

/** Greatest index that both halves have committed. */
export function jointCommittedIndex(config: JointConfig, acked: AckedIndex): number {
  const incoming = majorityCommittedIndex(config.incoming, acked);
  if (config.outgoing.length === 0) return incoming;
  return Math.min(incoming, majorityCommittedIndex(config.outgoing, acked));
}

/** Result of the votes of a majority configuration. Votes of others do not count. */
export function majorityVoteResult(config: MajorityConfig, votes: ReadonlyMap<number, boolean>): VoteResult {
  if (config.length === 0) return VoteResult.Won;
  let granted = 0;
  let missing = 0;
  for (const id of config) {
    const vote = votes.get(id);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const quorum = Math.floor(config.length / 2) + 1;
  if (granted >= quorum) return VoteResult.Won;
  return granted + missing >= quorum ? VoteResult.Pending : VoteResult.Lost;
}

/** A joint vote is won when both halves won it, and lost when either lost it. */
export function jointVoteResult(config: JointConfig, votes: ReadonlyMap<number, boolean>): VoteResult {
  const incoming = majorityVoteResult(config.incoming, votes);
  const outgoing = majorityVoteResult(config.outgoing, votes);
  if (incoming === outgoing) return incoming;
  return incoming === VoteResult.Lost || outgoing === VoteResult.Lost ? VoteResult.Lost : VoteResult.Pending;
}

/** Ids that are in either half, sorted. */
export function jointIds(config: JointConfig): readonly number[] {
  if (config.outgoing.length === 0) return config.incoming;
  return sortedIds([...config.incoming, ...config.outgoing]);
}

/** The ids sorted and without duplicates. */
export function sortedIds(ids: Iterable<number>): readonly number[] {
  return [...new Set(ids)].sort((a, b) => a - b);
}
