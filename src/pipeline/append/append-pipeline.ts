/**
 * The way of an append: admission -> grouping -> load -> decide -> encode -> commit -> answer. Composes the stages, one file
 * each, and owns the loop that drives them.
 *
 * Invariants: appends are decided in the order of their admission; one group is loaded and decided at a time; at most
 * `maxGroupsInFlight` groups are on their way; every append gets exactly one answer. After a group failed, the loop waits
 * until nothing is in flight and begins again with fresh state.
 */
import type { Append, AppendResult } from '../../domain/append.ts';
import { isStoreError, StoreError } from '../../domain/errors.ts';
import type { Store } from '../../storage/store.ts';
import { AbortWatch } from './abort-watch.ts';
import { Admission } from './admission.ts';
import { DEFAULT_APPEND_OPTIONS } from './append-options.ts';
import type { AppendOptions } from './append-options.ts';
import { decideGroup } from './decide-group.ts';
import { needOf } from './decision-need.ts';
import { takeGroup } from './group-appends.ts';
import { GroupsInFlight } from './groups-in-flight.ts';
import { InFlightState } from './in-flight-state.ts';
import { PendingAppend } from './pending-append.ts';

export class AppendPipeline {
  readonly #store: Store;
  readonly #options: AppendOptions;
  readonly #admission: Admission;
  readonly #aborts = new AbortWatch();
  readonly #groups: GroupsInFlight;
  readonly #finished: Promise<void>;
  /** Aborted when what is in flight does not stand any more, or the store failed for good: ends the loop's waits. */
  #over = new AbortController();
  #failure: StoreError | null = null;
  #stopping = false;
  /** Null: has to be made anew, with nothing in flight. */
  #inFlight: InFlightState | null = null;
  /** The epoch that `#inFlight` was begun in: everything decided on top of it belongs to it. */
  #epoch = 0;
  /** The facts of the last load cannot be trusted to go with the in-flight state. */
  #stale = false;
  #wake: (() => void) | null = null;

  constructor(store: Store, options: Partial<AppendOptions> = {}) {
    this.#store = store;
    this.#options = { ...DEFAULT_APPEND_OPTIONS, ...options };
    this.#admission = new Admission(this.#options.admission, this.#options.clock);
    this.#groups = new GroupsInFlight(store, this.#options, () => {
      // What is in flight may never be applied now: nobody may wait for it.
      if (this.#groups.broken) this.#over.abort();
      this.#awaken();
    });
    store.failed.catch((error: unknown) => {
      this.#fail(error);
    });
    this.#finished = this.#run();
  }

  /** See EventPipeline.append. */
  append(append: Append, signal: AbortSignal): Promise<readonly AppendResult[]> {
    return new Promise((resolve, reject) => {
      const pending = new PendingAppend(append, this.#options, resolve, reject);
      this.#aborts.watch(pending, signal);
      if (!pending.answered && this.#admission.admit(pending)) this.#awaken();
    });
  }

  /** Refuses new appends (NOT_SERVING), finishes those admitted. Resolves when all have their answers. */
  stop(): Promise<void> {
    this.#stopping = true;
    this.#admission.close(notServing('the server is stopping'));
    this.#awaken();
    return this.#finished;
  }

  async #run(): Promise<void> {
    while (await this.#ready()) {
      const group = takeGroup(this.#admission, this.#options.group);
      this.#options.observer.queueMeasured(this.#admission.count, this.#admission.bytes, this.#groups.count);
      await this.#process(group);
    }
  }

  /** Resolves true when a group can be taken, false when everything is done. */
  async #ready(): Promise<boolean> {
    for (;;) {
      if (this.#groups.count === 0 && (this.#groups.broken || this.#stale)) this.#startAfresh();
      const healthy = !this.#groups.broken && !this.#stale;
      if (healthy && this.#admission.count > 0 && this.#groups.count < this.#options.maxGroupsInFlight) return true;
      if (this.#stopping && this.#admission.count === 0 && this.#groups.count === 0) return false;
      const idle = this.#admission.count === 0 && this.#groups.count === 0;
      await this.#sleep();
      if (idle) await this.#options.nextTurn();
    }
  }

  async #process(group: readonly PendingAppend[]): Promise<void> {
    const need = needOf(group);
    try {
      const inFlight = await this.#makeRoom();
      inFlight.dropApplied(this.#store.appliedEnd);
      const facts = await this.#store.loadForDecision(need);
      if (this.#groups.broken) {
        this.#admission.putBack(group);
        return;
      }
      const { clock, observer } = this.#options;
      const decided = decideGroup(group, inFlight, { need, facts }, inFlight.createdAt(clock.nowMicros()), this.#store);
      const bytes = this.#groups.launch(decided, this.#epoch);
      if (bytes === 0) return;
      inFlight.closeGroup(bytes);
      const { accepted } = decided;
      const events = accepted.reduce((sum, part) => sum + part.events.length, 0);
      observer.groupDecided(accepted.length, events, bytes);
    } catch (error) {
      if (this.#groups.broken && this.#failure === null) {
        // Nothing of this group was decided: it waits until it can be, on fresh state.
        this.#admission.putBack(group);
        return;
      }
      const refusal = isStoreError(error) ? error : this.#failure;
      if (refusal === null) throw error;
      this.#stale = true;
      for (const pending of group) pending.fail(refusal);
    }
  }

  /** The in-flight state, with room for one more group. */
  async #makeRoom(): Promise<InFlightState> {
    const { signal } = this.#over;
    if (this.#inFlight === null) {
      const grant = await this.#store.grant(signal);
      // What is committed but not applied is in no facts, and no longer in flight: wait until it is applied.
      await this.#store.waitForApplied(grant.nextPosition, signal);
      this.#epoch = grant.epoch;
      this.#inFlight = new InFlightState(grant);
    }
    while (this.#inFlight.unappliedBytes > this.#options.maxUnappliedBytes) {
      await this.#store.waitForApplied(this.#inFlight.oldestEnd, signal);
      this.#inFlight.dropApplied(this.#store.appliedEnd);
    }
    return this.#inFlight;
  }

  /** With nothing in flight: forgets what was, and puts appends that lost the race back in front of the queue. */
  #startAfresh(): void {
    const again: PendingAppend[] = [];
    for (const pending of this.#groups.takeLost()) {
      pending.decided = false;
      pending.races += 1;
      if (pending.races <= this.#options.maxRaces) again.push(pending);
      else pending.fail(lostTooOften(this.#options.maxRaces));
    }
    this.#admission.putBack(again);
    this.#inFlight = null;
    this.#stale = false;
    if (this.#failure === null) this.#over = new AbortController();
  }

  #fail(error: unknown): void {
    const cause = error instanceof Error ? error.message : String(error);
    const refusal = notServing(`the store failed: ${cause}`);
    this.#admission.close(refusal);
    this.#admission.failAll(refusal);
    this.#failure = refusal;
    this.#over.abort(refusal);
    this.#awaken();
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #awaken(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function notServing(reason: string): StoreError {
  return new StoreError('NOT_SERVING', `no appends are taken: ${reason}`, { reason });
}

function lostTooOften(limit: number): StoreError {
  const message = `other writers were faster ${limit + 1} times; nothing was done, try again later`;
  return new StoreError('OVERLOADED', message, { queue: 'races for the store', limit });
}
