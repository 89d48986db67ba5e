/**
 * A store whose every step is taken by the test: when a load answers, when a commit is durable, lost or failed, when a
 * group is applied. It does all that the Store port allows and nothing else, so that a pipeline can be shown each order of
 * events. Reads are not served.
 */
import type { DecisionFacts, DecisionNeed } from '../../src/domain/append.ts';
import type { StoreError } from '../../src/domain/errors.ts';
import { matchesQuery } from '../../src/domain/query.ts';
import type { EncodedGroup } from '../../src/storage/group.ts';
import type { CommitOutcome, DecisionGrant, Store, StreamSummary } from '../../src/storage/store.ts';
import type { StoredAppend } from '../../src/storage/stored-append.ts';

interface Held<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

interface HeldCommit extends Held<CommitOutcome> {
  readonly group: EncodedGroup;
}

interface HeldLoad extends Held<DecisionFacts> {
  readonly need: DecisionNeed;
}

const UNUSED = new Error('not a part of this store');

export class ControlledStore implements Store {
  /** Everything durable, in order. The first {@link appliedAppends} are applied. */
  readonly log: StoredAppend[] = [];
  readonly commits: HeldCommit[] = [];
  readonly loads: HeldLoad[] = [];
  /** What is to be confirmed, while {@link holdsConfirms}; otherwise it is by its epoch, at once. */
  readonly confirms: Held<CommitOutcome>[] = [];
  holdsConfirms = false;
  readonly failed: Promise<never>;
  appliedAppends = 0;
  /** The only one in which decisions count. */
  epoch = 1;
  failWith!: (error: StoreError) => void;
  #waiting: { end: number; resolve: () => void }[] = [];

  constructor() {
    this.failed = new Promise((_, reject) => {
      this.failWith = reject;
    });
    this.failed.catch(() => undefined);
  }

  get durableEnd(): number {
    const last = this.log.at(-1);
    return last === undefined ? 0 : last.firstPosition + last.count;
  }

  get appliedEnd(): number {
    const last = this.log[this.appliedAppends - 1];
    return last === undefined ? 0 : last.firstPosition + last.count;
  }

  // Steps of the test.

  /** The oldest load answers, with what is applied now. */
  answerLoad(): void {
    const load = this.loads.shift();
    load?.resolve(this.#facts(load.need));
  }

  /** The oldest commit becomes durable, or loses its race when it does not follow the log. */
  commitNext(): void {
    const commit = this.commits.shift();
    if (commit === undefined) return;
    if (commit.group.appends[0]?.firstPosition !== this.durableEnd) {
      // Decided before another writer's group was there.
      for (const lost of [commit, ...this.commits.splice(0)]) lost.resolve('lost-race');
      return;
    }
    this.log.push(...commit.group.appends);
    commit.resolve('committed');
  }

  /** Another writer's group becomes durable and applied; every commit in flight loses the race. */
  loseRace(foreign: EncodedGroup): void {
    this.log.push(...foreign.appends);
    this.apply(this.log.length);
    for (const commit of this.commits.splice(0)) commit.resolve('lost-race');
  }

  /** The first `appends` appends of the log are applied. */
  apply(appends: number): void {
    this.appliedAppends = Math.max(this.appliedAppends, Math.min(appends, this.log.length));
    this.#waiting = this.#waiting.filter(({ end, resolve }) => {
      if (end > this.appliedEnd) return true;
      resolve();
      return false;
    });
  }

  // The port.

  grant(): Promise<DecisionGrant> {
    const lastCreatedAt = this.log.at(-1)?.createdAt ?? 0;
    return Promise.resolve({ nextPosition: this.durableEnd, lastCreatedAt, epoch: this.epoch });
  }

  confirm(epoch: number): Promise<CommitOutcome> {
    if (!this.holdsConfirms) return Promise.resolve(epoch === this.epoch ? 'committed' : 'lost-race');
    return new Promise((resolve, reject) => {
      this.confirms.push({ resolve, reject });
    });
  }

  loadForDecision(need: DecisionNeed): Promise<DecisionFacts> {
    return new Promise((resolve, reject) => {
      this.loads.push({ need, resolve, reject });
    });
  }

  commit(group: EncodedGroup): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
      this.commits.push({ group, resolve, reject });
    });
  }

  waitForApplied(end: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (end <= this.appliedEnd) resolve();
      this.#waiting.push({ end, resolve });
      signal.addEventListener('abort', () => {
        reject(signal.reason as Error);
      });
    });
  }

  positionOf(streamId: string, revision: number): Promise<number | null> {
    for (const one of this.log.slice(0, this.appliedAppends)) {
      const ordinal = revision - one.firstRevision;
      if (one.streamId === streamId && ordinal >= 0 && ordinal < one.count) {
        return Promise.resolve(one.firstPosition + ordinal);
      }
    }
    return Promise.resolve(null);
  }

  readBarrier(): Promise<void> {
    return Promise.reject(UNUSED);
  }

  onApplied(): () => void {
    throw UNUSED;
  }

  stream(): Promise<StreamSummary | null> {
    return Promise.reject(UNUSED);
  }

  readAll(): AsyncIterable<readonly StoredAppend[]> {
    throw UNUSED;
  }

  readStream(): AsyncIterable<readonly StoredAppend[]> {
    throw UNUSED;
  }

  readQuery(): AsyncIterable<readonly StoredAppend[]> {
    throw UNUSED;
  }

  positionAtTime(): Promise<number> {
    return Promise.reject(UNUSED);
  }

  listStreams(): Promise<readonly StreamSummary[]> {
    return Promise.reject(UNUSED);
  }

  gauges(): Promise<ReadonlyMap<string, number>> {
    return Promise.resolve(new Map());
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #facts(need: DecisionNeed): DecisionFacts {
    const events = this.log
      .slice(0, this.appliedAppends)
      .flatMap((one) =>
        Array.from({ length: one.count }, (_, n) => ({ ...one.event(n), streamNumber: one.streamNumber })),
      );
    const heads = new Map<string, { streamNumber: number; lastRevision: number; lastPosition: number }>();
    const revisions = new Map<string, Map<string, number>>();
    for (const { streamId, streamNumber, revision, position, id } of events) {
      const ids = need.streams.get(streamId);
      if (ids === undefined) continue;
      heads.set(streamId, { streamNumber, lastRevision: revision, lastPosition: position });
      if (ids.includes(id))
        revisions.set(streamId, (revisions.get(streamId) ?? new Map<string, number>()).set(id, revision));
    }
    const conditionMatches = need.conditions.map(
      ({ query, afterPosition }) =>
        events.find((event) => event.position > (afterPosition ?? -1) && matchesQuery(query, event))?.position ?? null,
    );
    return { heads, revisions, conditionMatches };
  }
}

/** Lets everything that can run without another step of the test run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
