/**
 * What members have shown as applied, in one place: whoever applies a position first fixes it for all, and for ever.
 *
 * Invariants checked with each application: positions dense on each member; records byte-equal on all; revisions gap-free; every event
 * id once in its stream; `createdAt` never decreasing. Must not know clients.
 */
import type { StoredAppend } from '../../../src/storage/stored-append.ts';
import { ensure } from '../violation.ts';

interface Fixed {
  readonly append: StoredAppend;
  readonly by: string;
}

export class Ledger {
  /** By first position. */
  readonly #appends = new Map<number, Fixed>();
  readonly #nextRevisions = new Map<string, number>();
  readonly #ids = new Set<string>();
  #end = 0;
  #createdAt = 0;

  /** Count of events that some member has applied. */
  get end(): number {
    return this.#end;
  }

  /** Takes appends that a member shows; `next` is the position that it must go on with. Returns the position behind them. */
  shown(member: string, next: number, appends: readonly StoredAppend[]): number {
    let expected = next;
    for (const append of appends) {
      const { firstPosition, count } = append;
      ensure(firstPosition === expected, 'positions are dense', () => {
        return `${member} shows position ${firstPosition} where ${expected} is next`;
      });
      const fixed = this.#appends.get(firstPosition);
      if (fixed === undefined) this.#fix(member, append);
      else {
        ensure(Buffer.compare(fixed.append.bytes, append.bytes) === 0, 'replicas are equal', () => {
          return `position ${firstPosition} is ${describe(append)} on ${member} and ${describe(fixed.append)} on ${fixed.by}`;
        });
      }
      expected += count;
    }
    return expected;
  }

  #fix(member: string, append: StoredAppend): void {
    const { streamId, firstRevision, firstPosition, count, createdAt } = append;
    ensure(firstPosition === this.#end, 'replicas are equal', () => {
      return `${member} has an append at ${firstPosition}, inside of another, or behind the end ${this.#end}`;
    });
    const revision = this.#nextRevisions.get(streamId) ?? 0;
    ensure(firstRevision === revision, 'revisions are gap-free', () => {
      return `${member} has revision ${firstRevision} of ${streamId} at ${firstPosition}, where ${revision} is next`;
    });
    ensure(createdAt >= this.#createdAt, 'time never goes back', () => {
      return `${member} has ${createdAt} at ${firstPosition}, after ${this.#createdAt}`;
    });
    for (let ordinal = 0; ordinal < count; ordinal++) {
      const id = append.eventId(ordinal);
      ensure(!this.#ids.has(id), 'every event once', () => `${member} has ${id} again, at ${firstPosition + ordinal}`);
      this.#ids.add(id);
    }
    this.#nextRevisions.set(streamId, revision + count);
    this.#createdAt = createdAt;
    this.#end += count;
    this.#appends.set(firstPosition, { append, by: member });
  }
}

function describe({ streamId, firstRevision, count, createdAt, bytes }: StoredAppend): string {
  return `${streamId} ${firstRevision}..${firstRevision + count - 1} of ${createdAt}, ${bytes.length} bytes`;
}
