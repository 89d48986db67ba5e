/**
 * The checker: whether a recorded history and the final logs of the replicas fit a store that is linearizable as a whole
 * (hence each stream is), loses nothing, appends each event once and lies to no subscriber. Pure.
 */
import { demandsOf } from './demands.ts';
import { operationsOf } from './history.ts';
import type { AppendOp, HistoryLine, LogEvent, ReadOp } from './history.ts';
import { LogOrder } from './log-order.ts';
import { checkReplicas } from './replicas.ts';
import { checkSubscriptions } from './subscriptions.ts';
import { checkTimetable } from './timetable.ts';
import type { Violation } from './violation.ts';

export type { Violation, ViolationKind } from './violation.ts';

/**
 * What is wrong; nothing: the history is valid. `logs`: the events of each replica, by its name, after the last operation. With
 * a malformed log only that is told, as nothing else can be judged by it. Throws on lines that make no sense.
 */
export function checkHistory(
  lines: readonly HistoryLine[],
  logs: ReadonlyMap<string, readonly LogEvent[]>,
): Violation[] {
  const malformed = checkReplicas(logs);
  if (malformed.length > 0) return malformed;
  const [log = []] = logs.values();
  const operations = operationsOf(lines);
  const appends = operations.filter((op): op is AppendOp => op.kind === 'append');
  const deliveries = operations.filter((op): op is ReadOp => op.kind === 'deliver');
  const order = new LogOrder(log, appends);
  const demands = demandsOf(operations, order);
  return [
    ...order.violations,
    ...demands.violations,
    ...checkSubscriptions(deliveries),
    ...checkTimetable(demands, order.last),
  ];
}
