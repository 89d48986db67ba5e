/**
 * Everything that was ever decided in a cluster, and the checks against it: Raft's safety properties (paper, figure 3) and
 * what follows for the storage and the application.
 *
 * Invariants: only grows; each check looks only at what an event has added, so that the sum of all events has been checked
 * in full. Must not know how nodes come to their decisions; of the code under test it uses data types only.
 */
import type { ConfState, Entry, Message, Snapshot } from '../../src/raft/messages.ts';
import { EntryType, messageTypeName, MessageType } from '../../src/raft/messages.ts';
import type { LogMirror } from './log-mirror.ts';
import { hashBytes } from './random.ts';
import { type ApplicationState, stateOf } from './state-machine.ts';
import { ensure } from './violation.ts';

/** What one (index, term) stands for, in all logs ever (Log Matching). */
interface KnownEntry {
  readonly term: number;
  readonly hash: number;
  readonly previousTerm: number;
  readonly changesConfiguration: boolean;
}

/** A node as far as checks need it. */
export interface Witness {
  readonly id: number;
  /** Tells the runs of one node apart. */
  readonly run: string;
  readonly mirror: LogMirror;
}

export class History {
  /** Highest index that a leader has committed. */
  committedIndex = 0;
  readonly #committedTerms: number[] = [];
  /** Highest index that the leader of a term has committed. */
  readonly #committedInTerm = new Map<number, number>();
  readonly #entries: KnownEntry[][] = [];
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, number>();
  readonly #stateHashes: number[] = [];
  readonly #configurations: string[] = [];
  readonly #configurationValues: ConfState[] = [];
  readonly #members = new Set<number>();
  readonly #reads = new Map<string, number>();

  /** The cluster begins with this snapshot, which counts as committed. */
  begin(genesis: Snapshot): void {
    this.committedIndex = genesis.index;
    this.#committedTerms[genesis.index] = genesis.term;
    this.applied(stateOf(genesis));
  }

  /** The configuration as of the highest index that anybody has applied. */
  get latestConfiguration(): ConfState {
    return this.#configurationValues.at(-1) as ConfState;
  }

  /** Highest index that anybody has applied. */
  get appliedIndex(): number {
    return this.#stateHashes.length - 1;
  }

  /** Whether a log somewhere may hold a configuration change that nobody has applied. */
  get changePending(): boolean {
    for (let index = this.appliedIndex + 1; index < this.#entries.length; index++) {
      if (this.#entries[index]?.some((entry) => entry.changesConfiguration) === true) return true;
    }
    return false;
  }

  /** Whether the id was ever in a configuration. */
  wasMember(id: number): boolean {
    return this.#members.has(id);
  }

  get leaderTerms(): number {
    return this.#leaders.size;
  }

  /** Entries appear in a log. `previousTerm` is the term in front of the first of them. */
  appended(entries: readonly Entry[], previousTerm: number | undefined): void {
    let previous = previousTerm ?? -1;
    for (const { index, term, type, data } of entries) {
      const hash = hashBytes(data) ^ type;
      const known = (this.#entries[index] ??= []);
      const same = known.find((entry) => entry.term === term);
      if (same === undefined)
        known.push({ term, hash, previousTerm: previous, changesConfiguration: type !== EntryType.Normal });
      else {
        ensure(same.hash === hash && same.previousTerm === previous, 'log matching', () => {
          return `two entries ${index} of term ${term} (hash ${same.hash} behind term ${same.previousTerm}; ${hash} behind ${previous})`;
        });
      }
      ensure(term >= previous, 'terms in a log never go back', () => `entry ${index}: ${term} behind ${previous}`);
      previous = term;
    }
  }

  /** Everything that is committed, as far as the log tells, must be in it up to `index`. */
  agrees(witness: Witness, index: number): void {
    const mine = witness.mirror.issued.termAt(index);
    const theirs = this.#committedTerms[index];
    ensure(mine === theirs, 'committed entries never change', () => {
      return `node ${witness.id} has term ${mine ?? 'none'} at ${index}, where term ${theirs ?? 'none'} was committed`;
    });
  }

  /** A leader has moved its commit index. `configuration` is the one it acts by. */
  leaderCommitted(
    witness: Witness,
    term: number,
    index: number,
    configuration: ConfState,
    all: readonly Witness[],
  ): void {
    const own = witness.mirror.issued.termAt(index);
    ensure(own === term, 'a leader commits by counting only entries of its term', () => {
      return `leader ${witness.id} of term ${term} commits ${index}, an entry of term ${own ?? 'none'}`;
    });
    const holders = all.filter(({ mirror: { durable } }) => durable.termAt(index) === own || durable.base > index);
    const ids = new Set(holders.map(({ id }) => id));
    for (const half of [configuration.voters, configuration.votersOutgoing]) {
      const count = half.filter((id) => ids.has(id)).length;
      ensure(half.length === 0 || count > half.length / 2, 'a commit is on a quorum of disks', () => {
        return `leader ${witness.id} of term ${term} commits ${index}, which is durable on ${[...ids].join(', ')} only; voters ${half.join(', ')}`;
      });
    }
    for (let at = this.committedIndex + 1; at <= index; at++) {
      this.#committedTerms[at] = witness.mirror.issued.termAt(at) ?? -1;
    }
    this.committedIndex = Math.max(this.committedIndex, index);
    this.#committedInTerm.set(term, index);
    this.agrees(witness, index);
  }

  /** A node that does not lead has moved its commit index. */
  followerCommitted(witness: Witness, index: number): void {
    ensure(index <= this.committedIndex, 'only leaders commit', () => {
      return `node ${witness.id} takes ${index} as committed, and leaders have committed ${this.committedIndex}`;
    });
    this.agrees(witness, index);
  }

  /** A node leads (Election Safety, Leader Completeness). */
  leads(witness: Witness, term: number): void {
    const known = this.#leaders.get(term);
    if (known === witness.run) return;
    ensure(known === undefined, 'one leader a term', () => `${known ?? ''} and ${witness.run} lead term ${term}`);
    this.#leaders.set(term, witness.run);
    const { issued } = witness.mirror;
    // A leader that learns late of its election need not have what leaders of later terms have committed.
    let before = 0;
    for (const [earlier, index] of this.#committedInTerm) if (earlier < term) before = Math.max(before, index);
    ensure(issued.lastIndex >= before, 'leader completeness', () => {
      return `leader ${witness.run} of term ${term} has a log up to ${issued.lastIndex}, and ${before} was committed before`;
    });
    if (issued.base < before) this.agrees(witness, before);
  }

  /** A message leaves a node: what it promises must hold on its disk. */
  sent(witness: Witness, message: Message): void {
    const { type, term, index, reject, to } = message;
    const { durable } = witness.mirror;
    if (reject) return;
    if (type === MessageType.MsgVoteResp) {
      const key = `${term}/${witness.id}`;
      const before = this.#votes.get(key);
      ensure(before === undefined || before === to, 'one vote a term', () => {
        return `node ${witness.id} votes for ${to} in term ${term}, after ${before ?? 0}`;
      });
      this.#votes.set(key, to);
      const held = durable.hardState.term > term || (durable.hardState.term === term && durable.hardState.vote === to);
      ensure(held, 'a vote is durable before it is given', () => {
        return `node ${witness.id} votes for ${to} in term ${term} with ${JSON.stringify(durable.hardState)} on disk`;
      });
    } else if (type === MessageType.MsgAppResp) {
      ensure(durable.hardState.term >= term, 'a term is durable before it is answered in', () => {
        return `node ${witness.id} sends ${messageTypeName(type)} of term ${term} with ${durable.hardState.term} on disk`;
      });
      ensure(durable.lastIndex >= index, 'an acknowledgement is durable before it is given', () => {
        return `node ${witness.id} acknowledges ${index} with a log up to ${durable.lastIndex} on disk`;
      });
    }
  }

  /** A node's application has reached a state, by an entry or a snapshot. */
  applied(state: ApplicationState): void {
    const { index, hash, confState } = state;
    const configuration = JSON.stringify(confState);
    const known = this.#stateHashes[index];
    if (known === undefined) {
      this.#stateHashes[index] = hash;
      this.#configurations[index] = configuration;
      for (const id of [...confState.voters, ...confState.learners]) this.#members.add(id);
      if (index === this.appliedIndex) this.#configurationValues.push(confState);
      return;
    }
    ensure(known === hash, 'equal states at equal indexes', () => `states ${known} and ${hash} at ${index}`);
    const same = this.#configurations[index] === configuration;
    ensure(same, 'the configuration is a function of the log', () => {
      return `at ${index}: ${this.#configurations[index] ?? ''} and ${configuration}`;
    });
  }

  /** A linearizable read begins. */
  readBegins(key: string): void {
    this.#reads.set(key, this.committedIndex);
  }

  /** The read may be served from a state at `index`. */
  readServed(key: string, index: number): void {
    const floor = this.#reads.get(key) ?? Infinity;
    ensure(index >= floor, 'linearizable reads', () => {
      return `read ${key} is served at ${index}, and ${floor} was committed before it was asked`;
    });
  }
}
