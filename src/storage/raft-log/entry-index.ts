/**
 * Where each entry of the log lies, in typed arrays (12 bytes an entry), and its term, as runs of equal terms.
 *
 * Invariant: covers exactly the entries (base, last], where `base` is the last index that is replaced by a snapshot or a
 * compaction, whose term is kept. An entry that is not durable yet has no place. Places ascend with the index, as an
 * entry that is written again takes all above it with it. Must not know files.
 */
import { assert, defined } from '../../lib/assert.ts';

/** Where the record of an entry lies in the segment log, and how long its payload is. */
export interface EntryPlace {
  readonly segment: number;
  readonly offset: number;
  readonly payloadBytes: number;
}

/** From index `first` on, up to the next run, entries have this term. */
interface TermRun {
  readonly first: number;
  readonly term: number;
}

/** Segment number of an entry that has no place yet; segments count from 1. */
const NO_SEGMENT = 0;
const FIELDS = 3;

export class EntryIndex {
  #base = 0;
  #last = 0;
  #runs: TermRun[] = [{ first: 0, term: 0 }];
  /** {@link FIELDS} numbers an entry: segment, offset, payload bytes. The entry after the base is at `#head`. */
  #fields = new Uint32Array(FIELDS * 1024);
  #head = 0;

  /** Last index that is replaced; 0 when none is. */
  get base(): number {
    return this.#base;
  }

  get last(): number {
    return this.#last;
  }

  /** Forgets everything: the log holds nothing but a base. */
  reset(base: number, term: number): void {
    this.#base = base;
    this.#last = base;
    this.#runs = [{ first: base, term }];
    this.#head = 0;
    this.#fields = new Uint32Array(FIELDS * 1024);
  }

  /** Adds the entry after the last one, without a place. */
  append(term: number, payloadBytes: number): void {
    this.#reserve();
    this.#last++;
    if (defined(this.#runs.at(-1), 'a term run').term !== term) this.#runs.push({ first: this.#last, term });
    const at = this.#at(this.#last);
    this.#fields[at] = NO_SEGMENT;
    this.#fields[at + 1] = 0;
    this.#fields[at + 2] = payloadBytes;
  }

  setPlace(index: number, segment: number, offset: number): void {
    const at = this.#at(index);
    this.#fields[at] = segment;
    this.#fields[at + 1] = offset;
  }

  /** The place of an entry, or null while it has none. */
  place(index: number): EntryPlace | null {
    const at = this.#at(index);
    const segment = this.#fields[at] ?? NO_SEGMENT;
    if (segment === NO_SEGMENT) return null;
    return { segment, offset: this.#fields[at + 1] ?? 0, payloadBytes: this.#fields[at + 2] ?? 0 };
  }

  /** Length of the entry's record. */
  payloadBytes(index: number): number {
    return this.#fields[this.#at(index) + 2] ?? 0;
  }

  /** Term of the entry, in [base, last]. */
  term(index: number): number {
    assert(index >= this.#base && index <= this.#last, `${index} is in [${this.#base}, ${this.#last}]`);
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (defined(this.#runs[middle], 'a term run').first <= index) low = middle;
      else high = middle - 1;
    }
    return defined(this.#runs[low], 'a term run').term;
  }

  /** Forgets the entries from `index` on. */
  truncate(index: number): void {
    assert(index > this.#base && index <= this.#last + 1, `${index} is in (${this.#base}, ${this.#last + 1}]`);
    this.#last = index - 1;
    while (this.#runs.length > 1 && defined(this.#runs.at(-1), 'a term run').first >= index) this.#runs.pop();
  }

  /**
   * Forgets the entries up to `index`, which becomes the base. `term` is its term, which a log that begins behind it may
   * not know.
   */
  compact(index: number, term: number): void {
    this.#head += index - this.#base;
    this.#base = index;
    const kept = this.#runs.filter((run) => run.first > index);
    this.#runs = [{ first: index, term }, ...kept];
  }

  #at(index: number): number {
    assert(index > this.#base && index <= this.#last, `${index} is in (${this.#base}, ${this.#last}]`);
    return (this.#head + index - this.#base - 1) * FIELDS;
  }

  /** Makes room for one more entry: moves what is there to the front when half is unused, else doubles the space. */
  #reserve(): void {
    const count = this.#last - this.#base;
    if ((this.#head + count + 1) * FIELDS <= this.#fields.length) return;
    const used = this.#fields.subarray(this.#head * FIELDS, (this.#head + count) * FIELDS);
    if (used.length * 2 <= this.#fields.length) {
      this.#fields.copyWithin(0, this.#head * FIELDS, (this.#head + count) * FIELDS);
    } else {
      const larger = new Uint32Array(this.#fields.length * 2);
      larger.set(used);
      this.#fields = larger;
    }
    this.#head = 0;
  }
}
