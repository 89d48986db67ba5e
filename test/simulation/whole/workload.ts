/**
 * What simulated clients ask for: all kinds of appends and reads over a few busy streams, guided by what they have learnt. All from
 * the seed. Must not know calls.
 */
import type { Condition, Expected, Part } from '../../chaos/checker/history.ts';
import { hashText, type SeededRandom } from '../random.ts';

/** Something to do. */
export type Intent =
  | { readonly kind: 'append'; readonly parts: readonly [Part]; readonly condition: null }
  | { readonly kind: 'transaction'; readonly parts: readonly Part[]; readonly condition: Condition | null }
  | {
      readonly kind: 'read';
      readonly stream: string | null;
      readonly direction: 'forwards' | 'backwards';
      readonly from: number;
      readonly consistency: 'linearizable' | 'local' | { readonly atLeast: number };
    };

const TAGS = 3;
const REMEMBERED = 50;

export class Workload {
  readonly #random: SeededRandom;
  readonly #streams: readonly string[];
  readonly #versions = new Map<string, number>();
  readonly #repeatable: (readonly Part[])[] = [];
  #lastPosition = -1;
  #ids = 0;
  #fresh = 0;

  constructor(random: SeededRandom, streams: number) {
    this.#random = random;
    this.#streams = Array.from({ length: streams }, (_, i) => `busy-${i}`);
  }

  sawVersion(stream: string, revision: number): void {
    if (revision > (this.#versions.get(stream) ?? -1)) this.#versions.set(stream, revision);
  }

  sawPosition(position: number): void {
    this.#lastPosition = Math.max(this.#lastPosition, position);
  }

  /** Tells of an append that may be sent once more. */
  mayRepeat(parts: readonly Part[]): void {
    if (this.#repeatable.length < REMEMBERED) this.#repeatable.push(parts);
    else this.#repeatable[this.#random.below(REMEMBERED)] = parts;
  }

  next(): Intent {
    const kind = this.#random.weighted({ append: 60, transaction: 15, read: 25 });
    if (kind === 'append') return { kind, parts: [this.#append()], condition: null };
    return kind === 'transaction' ? this.#transaction() : this.#read();
  }

  /** An append that always fits. */
  plain(): Intent {
    return { kind: 'append', parts: [this.#part(this.#stream(), 'any')], condition: null };
  }

  #append(): Part {
    const random = this.#random;
    const stream = this.#stream();
    const version = this.#versions.get(stream);
    const how = random.weighted({ any: 40, exact: 28, old: 6, exists: 5, fresh: 5, again: 12, mixed: 4 });
    if (how === 'exact') return this.#part(stream, version ?? 'no-stream');
    if (how === 'old') return this.#part(stream, Math.max(0, (version ?? 0) - random.below(3)));
    if (how === 'exists') return this.#part(stream, 'stream-exists');
    if (how === 'fresh') return this.#part(`new-${this.#fresh++}`, 'no-stream');
    const earlier = random.pick(this.#repeatable)?.[0];
    if (how === 'any' || earlier === undefined) return this.#part(stream, 'any');
    if (how === 'again') return earlier;
    // Known ids with an unknown one behind: a conflict, always.
    return { stream: earlier.stream, expected: 'any', ids: [...earlier.ids, this.#id()] };
  }

  #transaction(): Intent {
    const random = this.#random;
    const earlier = random.pick(this.#repeatable.filter((parts) => parts.length > 1));
    if (earlier !== undefined && random.chance(0.15)) {
      return { kind: 'transaction', parts: earlier, condition: null };
    }
    const streams = [...new Set([this.#stream(), this.#stream()])];
    const parts = streams.map((stream) => {
      return this.#part(stream, random.chance(0.3) ? (this.#versions.get(stream) ?? 'no-stream') : 'any');
    });
    const after = this.#lastPosition - random.below(10);
    const condition = { tag: `tag-${random.below(TAGS)}`, after: after < 0 ? null : after };
    return { kind: 'transaction', parts, condition: random.chance(0.6) ? condition : null };
  }

  #read(): Intent {
    const random = this.#random;
    const stream = random.chance(0.3) ? null : this.#stream();
    const known = stream === null ? this.#lastPosition : (this.#versions.get(stream) ?? -1);
    const fresh = random.weighted({ linearizable: 6, atLeast: 2, local: 2 });
    const canWait = fresh === 'atLeast' && this.#lastPosition >= 0;
    const consistency = canWait ? { atLeast: this.#lastPosition } : fresh === 'linearizable' ? fresh : 'local';
    // A replica that may be behind may not have what is known yet: from its end, as only that says how much it has.
    const direction = consistency === 'linearizable' && random.chance(0.5) ? 'forwards' : 'backwards';
    return { kind: 'read', stream, direction, from: Math.max(0, known - random.below(6)), consistency };
  }

  #stream(): string {
    return this.#random.pick(this.#streams) ?? 'busy-0';
  }

  #part(stream: string, expected: Expected): Part {
    const size = this.#random.pick([1, 1, 1, 2, 4]) ?? 1;
    return { stream, expected, ids: Array.from({ length: size }, () => this.#id()) };
  }

  #id(): string {
    const hex = (++this.#ids).toString(16).padStart(12, '0');
    return `${hashText(hex).toString(16).padStart(8, '0')}-0000-4000-8000-${hex}`;
  }
}

/** The tags of an event follow from its id, so that a repeated append is the same. */
export function tagsOf(id: string): string[] {
  const number = hashText(id);
  return number % 3 === 0 ? [`tag-${((number / 3) % TAGS) | 0}`] : [];
}

/** So do its data. */
export function dataOf(id: string, maxBytes: number): Uint8Array {
  const number = hashText(`data of ${id}`);
  return new Uint8Array(number % (maxBytes + 1)).fill(number % 251);
}
