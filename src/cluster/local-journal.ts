/**
 * The journal of a single node: the Raft log on disk with one voter, which commits what it has synced. Entries have the
 * form that a Raft group would give them, so that the log can become a replicated one.
 *
 * Invariants: indexes follow one another without gaps; entries are committed in order, each after it is durable.
 */
import { assert } from '../lib/assert.ts';
import type { CancelTimer, Clock } from '../lib/clock.ts';
import { EntryType, NONE } from '../raft/messages.ts';
import type { Entry } from '../raft/messages.ts';
import type { RaftLog } from '../storage/raft-log/raft-log.ts';
import type { CommitListener, Journal, JournalOutcome } from './journal.ts';

/** The term of a log that nobody has ever been elected for. */
const FIRST_TERM = 1;
/** After so much idle time the log's end is noted as durable, so that damage there can be told from a crash. */
const CONFIRM_AFTER_MILLIS = 200;

export class LocalJournal implements Journal {
  readonly failed: Promise<never>;
  readonly #log: RaftLog;
  readonly #clock: Clock;
  readonly #term: number;
  #fail!: (error: unknown) => void;
  #broken = false;
  #listener: CommitListener | null = null;
  #nextIndex: number;
  #committedIndex: number;
  #bytesSinceCompaction: number;
  #closing: Promise<void> | null = null;
  #cancelConfirm: CancelTimer | null = null;

  /** Continues `log`, which is the journal's from now on. Everything in it counts as committed, and as applied. */
  constructor(log: RaftLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#term = Math.max(FIRST_TERM, log.hardState.term);
    this.#committedIndex = log.lastIndex();
    this.#nextIndex = this.#committedIndex + 1;
    this.#bytesSinceCompaction = log.lastIndex() < log.firstIndex() ? 0 : log.status().bytes;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {
      this.#broken = true;
    });
  }

  start(listener: CommitListener): void {
    this.#listener = listener;
  }

  async append(data: Uint8Array): Promise<JournalOutcome> {
    const entry: Entry = { type: EntryType.Normal, term: this.#term, index: this.#nextIndex++, data };
    const first = this.#log.hardState.term < this.#term;
    const hardState = first ? { term: this.#term, vote: NONE, commit: 0 } : null;
    try {
      await this.#log.persist({ entries: [entry], hardState });
    } catch (error) {
      // Whatever it was: an entry is missing, and nothing can follow it.
      this.#fail(error);
      throw error;
    }
    assert(entry.index === this.#committedIndex + 1, () => `${entry.index} committed after ${this.#committedIndex}`);
    this.#committedIndex = entry.index;
    this.#bytesSinceCompaction += data.length;
    this.#listener?.([entry]);
    this.#confirmLater();
    return 'committed';
  }

  readIndex(): Promise<number> {
    return Promise.resolve(this.#committedIndex);
  }

  get bytesSinceCompaction(): number {
    return this.#bytesSinceCompaction;
  }

  async compact(index: number): Promise<void> {
    const before = this.#bytesSinceCompaction;
    try {
      await this.#log.compact(index);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#bytesSinceCompaction -= before;
  }

  gauges(): ReadonlyMap<string, number> {
    const { bytes, segments, queuedBytes, groups, records, writtenBytes, firstIndex, lastIndex } = this.#log.status();
    return new Map([
      ['log_bytes', bytes],
      ['log_segments', segments],
      ['log_queued_bytes', queuedBytes],
      ['log_syncs_total', groups],
      ['log_records_total', records],
      ['log_written_bytes_total', writtenBytes],
      ['log_entries', lastIndex - firstIndex + 1],
    ]);
  }

  close(): Promise<void> {
    this.#cancelConfirm?.();
    this.#closing ??= this.#log.close();
    return this.#closing;
  }

  /** One timer at most: when it fires and entries were appended meanwhile, it is set again. */
  #confirmLater(): void {
    if (this.#cancelConfirm !== null || this.#closing !== null) return;
    const seen = this.#nextIndex;
    this.#cancelConfirm = this.#clock.setTimer(CONFIRM_AFTER_MILLIS, () => {
      this.#cancelConfirm = null;
      if (this.#broken || this.#closing !== null) return;
      if (seen === this.#nextIndex) this.#confirm();
      else this.#confirmLater();
    });
  }

  #confirm(): void {
    try {
      this.#log.confirm();
    } catch (error) {
      this.#fail(error);
    }
  }
}
