/**
 * The whole-store checks that need no history: every replica's log is well-formed, and all are equal.
 */
import type { LogEvent } from './history.ts';
import type { Violation } from './violation.ts';

/** Checks each log by itself, then all against the first. Keys are names of replicas. */
export function checkReplicas(logs: ReadonlyMap<string, readonly LogEvent[]>): Violation[] {
  const violations: Violation[] = [];
  let first: [string, readonly LogEvent[]] | null = null;
  for (const [name, log] of logs) {
    violations.push(...checkLog(name, log));
    if (first === null) first = [name, log];
    else violations.push(...compare(first, [name, log]));
  }
  return violations;
}

function checkLog(name: string, log: readonly LogEvent[]): Violation[] {
  const violations: Violation[] = [];
  const lengths = new Map<string, number>();
  const places = new Map<string, number>();
  let createdAt = -Infinity;
  for (const [index, event] of log.entries()) {
    const { position, stream, revision, id } = event;
    if (position !== index) {
      violations.push({ kind: 'positions not dense', message: `${name}: position ${position} where ${index} is next` });
      break;
    }
    const length = lengths.get(stream) ?? 0;
    if (revision !== length) {
      const message = `${name}: position ${position} has revision ${revision} of ${stream}, where ${length} is next`;
      violations.push({ kind: 'revisions not gap-free', message });
    }
    lengths.set(stream, revision + 1);
    const before = places.get(id);
    if (before !== undefined) {
      violations.push({ kind: 'duplicate event', message: `${name}: id ${id} is at ${before} and at ${position}` });
    }
    places.set(id, position);
    if (event.createdAt < createdAt) {
      violations.push({
        kind: 'time goes back',
        message: `${name}: position ${position} is older than the one before`,
      });
    }
    createdAt = event.createdAt;
  }
  return violations;
}

function compare(first: [string, readonly LogEvent[]], second: [string, readonly LogEvent[]]): Violation[] {
  const [a, left] = first;
  const [b, right] = second;
  for (let position = 0; position < Math.max(left.length, right.length); position++) {
    const mine = JSON.stringify(left[position] ?? null);
    const theirs = JSON.stringify(right[position] ?? null);
    if (mine === theirs) continue;
    return [{ kind: 'replicas differ', message: `position ${position}: ${a} has ${mine}, ${b} has ${theirs}` }];
  }
  return [];
}
