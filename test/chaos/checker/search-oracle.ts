/**
 * A second, slow checker for small histories, to hold the quick one against: it knows nothing of gaps, writes and bounds, but
 * tries every order of the operations on a small model of the store (Wing and Gong's search, "Testing and Verifying Concurrent
 * Objects", 1993), and accepts when one order explains all answers and ends with the final log.
 */
import type { AppendOp, Expected, LogEvent, ReadOp } from './history.ts';

/** An operation with what it must answer, or an attempt whose answer nobody has seen (`ghost`), which may never happen. */
interface Step {
  readonly op: AppendOp | ReadOp;
  readonly call: number;
  readonly ret: number;
  readonly ghost: boolean;
}

/** True when some order explains the history. For a well-formed log and some ten operations. */
export function explainable(operations: readonly (AppendOp | ReadOp)[], log: readonly LogEvent[]): boolean {
  const steps: Step[] = [];
  for (const op of operations) {
    const anyTime = op.kind === 'deliver' || (op.kind === 'read' && op.consistency !== 'linearizable');
    const call = anyTime ? -Infinity : op.call;
    if (op.ret !== Infinity) steps.push({ op, call, ret: op.ret, ghost: false });
    // An earlier attempt of the same call, or one without an answer.
    if (op.kind === 'append' && op.result !== 'ok') steps.push({ op, call: op.call, ret: Infinity, ghost: true });
  }
  return new Search(steps, log).run(0, 0);
}

class Search {
  readonly #steps: readonly Step[];
  readonly #log: readonly LogEvent[];
  readonly #seen = new Set<string>();

  constructor(steps: readonly Step[], log: readonly LogEvent[]) {
    this.#steps = steps;
    this.#log = log;
  }

  /** `done`: bits of the steps taken; `length`: of the log so far, which says all of the state. */
  run(done: number, length: number): boolean {
    const rest = this.#steps.filter((_, index) => (done & (1 << index)) === 0);
    if (length === this.#log.length && rest.every(({ ghost }) => ghost)) return true;
    const key = `${done} ${length}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    const firstRet = Math.min(...rest.map(({ ret }) => ret));
    for (const [index, step] of this.#steps.entries()) {
      if ((done & (1 << index)) !== 0 || step.call > firstRet) continue;
      const next = this.#after(step, length);
      if (next !== null && this.run(done | (1 << index), next)) return true;
    }
    return false;
  }

  /** The log's length after the step; null when the step's answer would be another one. */
  #after({ op, ghost }: Step, length: number): number | null {
    const state = this.#log.slice(0, length);
    if (op.kind !== 'append') return readHolds(op, state) ? length : null;
    const { answer, events } = answerOf(op, state);
    const fits = events.every((event, at) => {
      const own = this.#log[length + at];
      return own?.id === event.id && own.stream === event.stream;
    });
    if (!fits) return null;
    if (!ghost && answer !== JSON.stringify([op.result, op.line.version, op.line.failed ?? null])) return null;
    return length + events.length;
  }
}

function answerOf(
  op: AppendOp,
  state: readonly LogEvent[],
): { answer: string; events: { stream: string; id: string }[] } {
  const say = (result: string, version: unknown, failed: string | null = null): string =>
    JSON.stringify([result, version, failed]);
  const versions = (list: readonly number[]): unknown => (op.line.op === 'append' ? list[0] : list);
  const found = op.parts.map(({ stream, ids }) =>
    ids.map((id) => state.find((event) => event.stream === stream && event.id === id)?.revision ?? null),
  );
  if (found.flat().some((revision) => revision !== null)) {
    const whole = found.every((part) =>
      part.every((revision, at) => revision !== null && revision === (part[0] ?? 0) + at),
    );
    if (whole) return { answer: say('duplicate', versions(found.map((part) => part.at(-1) ?? 0))), events: [] };
    return { answer: say('id-conflict', op.line.version), events: [] };
  }
  for (const { stream, expected } of op.parts) {
    const actual = lastOf(stream, state);
    if (matches(expected, actual)) continue;
    return { answer: say('wrong-version', actual, op.line.op === 'append' ? null : stream), events: [] };
  }
  if (op.condition !== null) {
    const { tag, after } = op.condition;
    const matching = state.filter((event) => event.tags.includes(tag) && event.position > (after ?? -1));
    // Any of them may be named.
    const named = matching.find(({ position }) => position === op.line.version) ?? matching[0];
    if (named !== undefined) return { answer: say('condition-failed', named.position), events: [] };
  }
  const last = op.parts.map(({ stream, ids }) => (lastOf(stream, state) ?? -1) + ids.length);
  const events = op.parts.flatMap(({ stream, ids }) => ids.map((id) => ({ stream, id })));
  return { answer: say('ok', versions(last)), events };
}

function matches(expected: Expected, actual: number | null): boolean {
  if (expected === 'any') return true;
  if (expected === 'no-stream') return actual === null;
  return expected === 'stream-exists' ? actual !== null : expected === actual;
}

function lastOf(stream: string, state: readonly LogEvent[]): number | null {
  const length = state.filter((event) => event.stream === stream).length;
  return length === 0 ? null : length - 1;
}

function readHolds(op: ReadOp, state: readonly LogEvent[]): boolean {
  const ids = state.filter(({ stream }) => op.stream === null || op.stream === stream).map(({ id }) => id);
  const end = op.from + op.ids.length;
  if (!op.ids.every((id, index) => ids[op.from + index] === id)) return false;
  if (op.kind === 'deliver') return ids.length >= end;
  return op.version === (ids.length === 0 ? null : ids.length - 1) && (op.ids.length === 0 || end === ids.length);
}
