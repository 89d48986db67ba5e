/**
 * The application of a simulated node: the list of what it has applied, as a hash chain, with a snapshot format.
 *
 * It stands for a database whose batches are written without a sync: a crash takes it back to any state since the last
 * flush. Invariants: states follow one another by index without a gap; the hash is a function of the applied entries, the
 * configuration of the configuration changes among them. Must not know Raft's state.
 */
import { assert } from '../../src/lib/assert.ts';
import { type ConfState, EMPTY_CONF_STATE, type Entry, type Snapshot } from '../../src/raft/messages.ts';
import { hashBytes, mix, type SeededRandom } from './random.ts';

/** The application after the entry at `index`. */
export interface ApplicationState {
  readonly index: number;
  readonly term: number;
  readonly hash: number;
  readonly confState: ConfState;
}

const EMPTY_STATE: ApplicationState = { index: 0, term: 0, hash: 0, confState: EMPTY_CONF_STATE };

export class StateMachine {
  /** From some flushed state to the current one. */
  #states: ApplicationState[] = [EMPTY_STATE];
  #flushed = 0;

  get current(): ApplicationState {
    return this.#states.at(-1) as ApplicationState;
  }

  /** Index that no crash can take back. */
  get flushedIndex(): number {
    return this.#flushed;
  }

  /** Applies the next entry; `confState` is the configuration after it. */
  apply(entry: Entry, confState: ConfState): ApplicationState {
    const { index, hash } = this.current;
    assert(entry.index === index + 1, () => `applies entry ${entry.index} on top of ${index}`);
    const next = { index: entry.index, term: entry.term, hash: chain(hash, entry), confState };
    this.#states.push(next);
    return next;
  }

  /** Makes the current state durable. */
  flush(): void {
    this.#flushed = this.current.index;
  }

  /** The configuration as of `index`; undefined when that is too long ago. */
  configurationAt(index: number): ConfState | undefined {
    return this.#states[index - (this.#states[0] as ApplicationState).index]?.confState;
  }

  /** Takes the state of a snapshot, durably. */
  install(snapshot: Snapshot): void {
    this.#states = [stateOf(snapshot)];
    this.#flushed = snapshot.index;
  }

  /** The current state as a snapshot. */
  snapshot(): Snapshot {
    return snapshotOf(this.current);
  }

  /** Takes it back to a state since the last flush. */
  crash(random: SeededRandom): void {
    const first = (this.#states[0] as ApplicationState).index;
    const fewest = this.#flushed - first + 1;
    const kept = random.chance(0.3) ? this.#states.length : random.between(fewest, this.#states.length);
    this.#states = [this.#states[kept - 1] as ApplicationState];
    this.#flushed = this.current.index;
  }

  wipe(): void {
    this.#states = [EMPTY_STATE];
    this.#flushed = 0;
  }
}

function chain(hash: number, entry: Entry): number {
  return mix(mix(mix(mix(hash, entry.index), entry.term), entry.type), hashBytes(entry.data));
}

/** The snapshot with which a cluster begins, so that everyone who comes later starts from its configuration. */
export function genesisSnapshot(voters: readonly number[]): Snapshot {
  const confState: ConfState = { ...EMPTY_CONF_STATE, voters };
  return snapshotOf({ index: 1, term: 1, hash: 1, confState });
}

function snapshotOf({ index, term, hash, confState }: ApplicationState): Snapshot {
  const data = new Uint8Array(12);
  const view = new DataView(data.buffer);
  view.setFloat64(0, index);
  view.setUint32(8, hash);
  return { index, term, confState, data };
}

/** The state in a snapshot. */
export function stateOf(snapshot: Snapshot): ApplicationState {
  const view = new DataView(snapshot.data.buffer, snapshot.data.byteOffset, snapshot.data.byteLength);
  assert(view.getFloat64(0) === snapshot.index, () => `the snapshot of ${snapshot.index} holds another state`);
  return { index: snapshot.index, term: snapshot.term, hash: view.getUint32(8), confState: snapshot.confState };
}
