/**
 * The final log as a sequence of writes: which append wrote which events, and between which writes a stream was in which state.
 *
 * A *gap* g, 0 to n, is the state after the first g of the n writes; write w (1 to n) leads from gap w - 1 to gap w.
 * Invariant: every event of the log belongs to exactly one write. Must not know times.
 */
import type { AppendOp, Condition, Expected, LogEvent, Part } from './history.ts';
import type { Violation } from './violation.ts';

/** An inclusive range of gaps; empty when `high < low`. */
export interface Gaps {
  readonly low: number;
  readonly high: number;
}

/** One atomic append of the log. `number` is w, from 1. */
export interface Write {
  readonly number: number;
  readonly firstPosition: number;
  /** Every append of the history with just these parts: the one that wrote it and those that repeated it. */
  readonly ops: readonly AppendOp[];
}

/** The log, seen through the appends that may have written it. */
export class LogOrder {
  readonly writes: Write[] = [];
  readonly violations: Violation[] = [];
  readonly log: readonly LogEvent[];
  /** By stream: the events, by revision. */
  readonly #streams = new Map<string, LogEvent[]>();
  readonly #byId = new Map<string, LogEvent>();
  readonly #writeAt: number[] = [];
  readonly #writeOfOp = new Map<AppendOp, Write>();
  readonly #tagged = new Map<string, number[]>();

  constructor(log: readonly LogEvent[], ops: readonly AppendOp[]) {
    this.log = log;
    for (const event of log) {
      const stream = this.#streams.get(event.stream);
      if (stream === undefined) this.#streams.set(event.stream, [event]);
      else stream.push(event);
      this.#byId.set(keyOf(event.stream, event.id), event);
      for (const tag of event.tags) this.#tag(tag, event.position);
    }
    this.#findWrites(ops);
  }

  /** The last gap: all writes done. */
  get last(): number {
    return this.writes.length;
  }

  /** The write that an append made or repeated; undefined when its events are not in the log as it asked for them. */
  writeOf(op: AppendOp): Write | undefined {
    return this.#writeOfOp.get(op);
  }

  /** The write that a position belongs to; 0 for a position before the first, n + 1 behind the last. */
  writeAt(position: number): number {
    if (position < 0) return 0;
    return this.#writeAt[position] ?? this.last + 1;
  }

  event(stream: string, id: string): LogEvent | undefined {
    return this.#byId.get(keyOf(stream, id));
  }

  /** The event at a revision of a stream, or at a position (stream null). */
  at(stream: string | null, place: number): LogEvent | undefined {
    return stream === null ? this.log[place] : this.#streams.get(stream)?.[place];
  }

  /**
   * The gaps at which a stream's last revision (the store's last position, for null) is just `version`; null: it is empty.
   * Empty when the version lies inside a write, where no state has it.
   */
  whenAt(stream: string | null, version: number | null): Gaps {
    const next = this.at(stream, (version ?? -1) + 1);
    const high = next === undefined ? this.last : this.writeAt(next.position) - 1;
    if (version === null) return { low: 0, high };
    const event = this.at(stream, version);
    return event === undefined ? { low: 1, high: 0 } : { low: this.writeAt(event.position), high };
  }

  /** The gaps at which the expected version holds. */
  whenHolds(stream: string, expected: Expected): Gaps {
    if (expected === 'any') return { low: 0, high: this.last };
    if (expected === 'no-stream') return this.whenAt(stream, null);
    if (typeof expected === 'number') return this.whenAt(stream, expected);
    const first = this.at(stream, 0);
    return first === undefined ? { low: 1, high: 0 } : { low: this.writeAt(first.position), high: this.last };
  }

  /** The gaps at which no event matches the condition. */
  whenFree(condition: Condition): Gaps {
    const found = this.#tagged.get(condition.tag)?.find((position) => position > (condition.after ?? -1));
    return { low: 0, high: found === undefined ? this.last : this.writeAt(found) - 1 };
  }

  /** Writes are runs of the log that are, part by part, what some append asked for. */
  #findWrites(ops: readonly AppendOp[]): void {
    const candidates = new Map<string, Map<string, AppendOp[]>>();
    for (const op of ops) {
      const [part] = op.parts;
      if (part === undefined) continue;
      const place = keyOf(part.stream, part.ids[0] ?? '');
      const shapes = candidates.get(place) ?? new Map<string, AppendOp[]>();
      const shape = JSON.stringify(op.parts.map(({ stream, ids }) => [stream, ids]));
      const same = shapes.get(shape);
      if (same === undefined) shapes.set(shape, [op]);
      else same.push(op);
      candidates.set(place, shapes);
    }
    for (let position = 0; position < this.log.length;) {
      const event = this.log[position] as LogEvent;
      const shapes = candidates.get(keyOf(event.stream, event.id));
      const same = this.#longestMatch(position, shapes);
      const length = same === null ? 1 : lengthOf(same[0]?.parts ?? []);
      if (same === null) this.violations.push(unexplained(event, shapes));
      const write: Write = { number: this.writes.length + 1, firstPosition: position, ops: same ?? [] };
      this.writes.push(write);
      for (const op of write.ops) this.#writeOfOp.set(op, write);
      for (let at = position; at < position + length; at++) this.#writeAt[at] = write.number;
      position += length;
    }
  }

  #tag(tag: string, position: number): void {
    const positions = this.#tagged.get(tag);
    if (positions === undefined) this.#tagged.set(tag, [position]);
    else positions.push(position);
  }

  #longestMatch(position: number, shapes: ReadonlyMap<string, AppendOp[]> | undefined): AppendOp[] | null {
    let best: AppendOp[] | null = null;
    for (const ops of shapes?.values() ?? []) {
      const parts = ops[0]?.parts ?? [];
      const longer = best === null || lengthOf(parts) > lengthOf(best[0]?.parts ?? []);
      if (longer && this.#matches(position, parts)) best = ops;
    }
    return best;
  }

  #matches(position: number, parts: readonly Part[]): boolean {
    let at = position;
    return parts.every(({ stream, ids }) =>
      ids.every((id) => {
        const event = this.log[at++];
        return event?.stream === stream && event.id === id;
      }),
    );
  }
}

function unexplained(event: LogEvent, shapes: ReadonlyMap<string, AppendOp[]> | undefined): Violation {
  const place = `position ${event.position} (${event.stream} ${event.revision}, id ${event.id})`;
  if (shapes === undefined) {
    return { kind: 'invented event', message: `${place}: no append begins with this event` };
  }
  const lines = [...shapes.values()].flat().map(({ number }) => number);
  return {
    kind: 'torn append',
    message: `${place}: not all that lines ${lines.join(', ')} appended, or not in its order`,
  };
}

function lengthOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { ids }) => sum + ids.length, 0);
}

function keyOf(stream: string, id: string): string {
  return `${id} ${stream}`;
}

/** What two ranges have in common. */
export function both(a: Gaps, b: Gaps): Gaps {
  return { low: Math.max(a.low, b.low), high: Math.min(a.high, b.high) };
}

export function isEmpty({ low, high }: Gaps): boolean {
  return high < low;
}
