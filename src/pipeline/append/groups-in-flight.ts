/**
 * Last stages: commits decided groups and answers their appends, in order.
 *
 * The rules of truth:
 * - success is answered only once the group is durable;
 * - a rejection or a repetition may rest on appends that are not durable yet, so it is answered only once its own group
 *   and all groups before it are;
 * - when a group fails, nothing decided after it stands: the groups behind it fail, or go back to be decided again. Only a group
 *   that had nothing to commit leaves no trace: when it could not be confirmed, one behind it may commit all the same.
 *
 * After a failure nothing more may be launched until {@link GroupsInFlight.takeLost} was called with nothing in flight.
 */
import type { AppendResult } from '../../domain/append.ts';
import { isStoreError, StoreError } from '../../domain/errors.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import { assert } from '../../lib/assert.ts';
import { encodeGroup } from '../../storage/group.ts';
import type { EncodedGroup } from '../../storage/group.ts';
import type { CommitOutcome, Store } from '../../storage/store.ts';
import type { DecidedGroup, DecidedMember } from './decide-group.ts';
import type { AnswerContext, PendingAppend } from './pending-append.ts';

/** Failures of a commit that say that nothing was done. */
const NOTHING_DONE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['NOT_LEADER', 'NOT_SERVING', 'OVERLOADED']);

/** `empty`: there was nothing to commit, so the group stands or falls with those before it. */
type Outcome = CommitOutcome | 'empty' | StoreError;

export class GroupsInFlight {
  readonly #store: Store;
  readonly #context: AnswerContext;
  readonly #onSettled: () => void;
  #count = 0;
  /** Settles when the newest group has. */
  #newest: Promise<void> = Promise.resolve();
  /** How the first group that did not commit ended. */
  #failure: 'lost-race' | StoreError | null = null;
  /** Whether a group that others may rest on did not commit. */
  #commitFailed = false;
  #lost: PendingAppend[] = [];

  /** @param onSettled Called after each group has been answered, or has failed. */
  constructor(store: Store, context: AnswerContext, onSettled: () => void) {
    this.#store = store;
    this.#context = context;
    this.#onSettled = onSettled;
  }

  /** Groups launched and not yet settled. */
  get count(): number {
    return this.#count;
  }

  /** Whether a group failed: what was decided in flight does not stand. */
  get broken(): boolean {
    return this.#failure !== null;
  }

  /**
   * Encodes and commits the group, decided in `epoch`, behind all that are in flight. Returns its bytes, 0 when there is
   * nothing to commit.
   */
  launch(group: DecidedGroup, epoch: number): number {
    assert(this.#failure === null, 'nothing is launched on top of a failed group');
    const encoded = group.accepted.length === 0 ? null : encodeGroup(group.accepted);
    this.#count += 1;
    const before = this.#newest;
    const outcome = encoded === null ? this.#confirm(epoch) : this.#commit(encoded, epoch);
    this.#newest = this.#settle(group.members, before, outcome, encoded !== null);
    return encoded?.bytes.length ?? 0;
  }

  /** With nothing in flight: forgets the failure, and returns the appends that have to be decided again, in order. */
  takeLost(): PendingAppend[] {
    assert(this.#count === 0, 'groups are still in flight');
    const lost = this.#lost;
    this.#lost = [];
    this.#failure = null;
    this.#commitFailed = false;
    return lost;
  }

  /**
   * Of a group that commits nothing: it rests on what is applied and in flight, which is the newest state only while the epoch
   * is not over. Never rejects with a StoreError.
   */
  async #confirm(epoch: number): Promise<Outcome> {
    try {
      return (await this.#store.confirm(epoch)) === 'committed' ? 'empty' : 'lost-race';
    } catch (error) {
      if (!isStoreError(error)) throw error;
      return error;
    }
  }

  /** Never rejects with a StoreError. */
  async #commit(encoded: EncodedGroup, epoch: number): Promise<Outcome> {
    const { clock, observer } = this.#context;
    const start = clock.monotonicMillis();
    let outcome: CommitOutcome | StoreError;
    try {
      outcome = await this.#store.commit(encoded, epoch);
    } catch (error) {
      if (!isStoreError(error)) throw error;
      outcome = error;
    }
    observer.groupCommitted(outcome instanceof StoreError ? 'failed' : outcome, clock.monotonicMillis() - start);
    return outcome;
  }

  async #settle(
    members: readonly DecidedMember[],
    before: Promise<void>,
    committed: Promise<Outcome>,
    commits: boolean,
  ): Promise<void> {
    const [, outcome] = await Promise.all([before, committed]);
    assert(outcome !== 'committed' || !this.#commitFailed, 'a group committed on top of one that did not');
    if (outcome === 'lost-race' || outcome instanceof StoreError) {
      this.#failure ??= outcome;
      this.#commitFailed ||= commits;
    }
    // A group that could not be confirmed has put nothing in flight: what is behind it may well be committed.
    const stands = outcome === 'committed' || outcome instanceof StoreError;
    const ended = stands ? outcome : (this.#failure ?? outcome);
    if (ended === 'committed' || ended === 'empty') {
      await answerAll(members);
    } else if (ended === 'lost-race') {
      for (const { pending } of members) this.#lost.push(pending);
    } else {
      const error = asOutcome(ended);
      for (const { pending } of members) pending.fail(error);
    }
    this.#count -= 1;
    this.#onSettled();
  }
}

async function answerAll(members: readonly DecidedMember[]): Promise<void> {
  const late: Promise<void>[] = [];
  for (const { pending, answer } of members) {
    if (answer instanceof Promise) late.push(answer.then((found) => answerOne(pending, found)));
    else answerOne(pending, answer);
  }
  if (late.length > 0) await Promise.all(late);
}

function answerOne(pending: PendingAppend, answer: readonly AppendResult[] | StoreError): void {
  if (answer instanceof StoreError) pending.fail(answer);
  else pending.succeed(answer);
}

/** What the failure of a commit means for an append: only some say that nothing was done. */
function asOutcome(error: StoreError): StoreError {
  if (error.is('OUTCOME_UNKNOWN') || NOTHING_DONE.has(error.code)) return error;
  const reason = `the group could not be made durable: ${error.message}`;
  const message = 'the append may or may not become durable; sending it again with the same event ids is safe';
  return new StoreError('OUTCOME_UNKNOWN', `${message} (${reason})`, { reason }, { cause: error });
}
