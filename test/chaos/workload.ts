/**
 * What the appending and reading clients ask for: a mix of all kinds of appends and reads over some busy streams and new ones,
 * guided by what clients have learnt of the versions. Pure, but for the random ids. Knows nothing of calls.
 */
import { randomUUID } from 'node:crypto';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Condition, Expected, Part } from './checker/history.ts';

/** Something to do. */
export type Intent =
  | { readonly kind: 'append'; readonly part: Part }
  | { readonly kind: 'transaction'; readonly parts: readonly Part[]; readonly condition: Condition | null }
  | {
      readonly kind: 'read';
      readonly stream: string | null;
      readonly direction: 'forwards' | 'backwards';
      readonly from: number;
      readonly consistency: 'linearizable' | 'local' | { readonly atLeast: number };
    };

const BUSY_STREAMS = 16;
const TAGS = 6;
const REMEMBERED = 200;

/** One workload for all clients of a run: they share what they know, so that versions are fresh, or stale on purpose. */
export class Workload {
  readonly #random: SeededRandom;
  readonly #versions = new Map<string, number>();
  readonly #repeatable: Part[] = [];
  readonly #streams: string[] = Array.from({ length: BUSY_STREAMS }, (_, index) => `busy-${index}`);
  #lastPosition = -1;
  #fresh = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Tells that a stream was seen at a revision. */
  sawVersion(stream: string, revision: number): void {
    if (revision > (this.#versions.get(stream) ?? -1)) this.#versions.set(stream, revision);
  }

  sawPosition(position: number): void {
    this.#lastPosition = Math.max(this.#lastPosition, position);
  }

  /** Tells of an append that may be sent once more. */
  mayRepeat(part: Part): void {
    if (this.#repeatable.length < REMEMBERED) this.#repeatable.push(part);
    else this.#repeatable[this.#random.integer(REMEMBERED)] = part;
  }

  next(): Intent {
    const dice = this.#random.integer(100);
    if (dice < 62) return { kind: 'append', part: this.#append(dice) };
    if (dice < 74) return this.#transaction();
    return this.#read(dice);
  }

  #append(dice: number): Part {
    const stream = this.#stream();
    const version = this.#versions.get(stream) ?? 0;
    if (dice < 28) return this.#part(stream, 'any');
    if (dice < 44) return this.#part(stream, version);
    if (dice < 48) return this.#part(stream, Math.max(0, version - this.#random.integer(3)));
    if (dice < 51) return this.#part(stream, 'stream-exists');
    if (dice < 54) return this.#part(`new-${this.#fresh++}`, 'no-stream');
    const earlier = this.#repeatable[this.#random.integer(this.#repeatable.length)];
    if (earlier === undefined) return this.#part(stream, 'any');
    if (dice < 60) return earlier;
    // Known ids with an unknown one behind: a conflict, always.
    return { stream: earlier.stream, expected: 'any', ids: [...earlier.ids, randomUUID()] };
  }

  #transaction(): Intent {
    const first = this.#stream();
    const second = this.#stream();
    const parts = [first, ...(second === first ? [] : [second])].map((stream) => {
      const guarded = this.#random.integer(3) === 0;
      return this.#part(stream, guarded ? (this.#versions.get(stream) ?? 'no-stream') : 'any');
    });
    const after = Math.max(-1, this.#lastPosition - this.#random.integer(30));
    const condition = { tag: `tag-${this.#random.integer(TAGS)}`, after: after < 0 ? null : after };
    return { kind: 'transaction', parts, condition: this.#random.integer(2) === 0 ? condition : null };
  }

  #read(dice: number): Intent {
    const stream = dice < 80 ? null : this.#stream();
    const known = stream === null ? this.#lastPosition : (this.#versions.get(stream) ?? -1);
    const forwards = this.#random.integer(2) === 0;
    const fresh = this.#random.integer(10);
    const atLeast = { atLeast: Math.max(0, this.#lastPosition) };
    const consistency = fresh < 6 ? 'linearizable' : fresh < 8 && this.#lastPosition >= 0 ? atLeast : 'local';
    // A replica that may be behind may not have what is known yet: from its end, as only that says how much it has.
    const direction = forwards && consistency === 'linearizable' ? 'forwards' : 'backwards';
    const from = Math.max(0, known - this.#random.integer(20));
    return { kind: 'read', stream, direction, from, consistency };
  }

  #stream(): string {
    return this.#streams[this.#random.integer(this.#streams.length)] ?? 'busy-0';
  }

  #part(stream: string, expected: Expected): Part {
    const size = this.#random.integer(4) === 0 ? 2 + this.#random.integer(4) : 1;
    return { stream, expected, ids: Array.from({ length: size }, () => randomUUID()) };
  }
}

/** The tags of an event follow from its id, so that a repeated append is the same. */
export function tagsOf(id: string): string[] {
  const number = Number.parseInt(id.slice(0, 4), 16);
  return number % 8 === 0 ? [`tag-${(number / 8) % TAGS}`] : [];
}

/** So do its data: it can be told from the id whether an event was damaged. */
export function dataOf(id: string): string {
  const number = Number.parseInt(id.slice(4, 8), 16);
  return JSON.stringify({ id, filling: 'x'.repeat(number % 400) });
}
