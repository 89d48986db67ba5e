/**
 * Third stage: what has to be loaded before the appends of a group can be decided, asked for in one go. Pure.
 */
import type { AppendCondition, DecisionNeed } from '../../domain/append.ts';
import type { EventId } from '../../domain/event.ts';
import type { PendingAppend } from './pending-append.ts';

/** The need of all appends together. Conditions are in the order of their appends. */
export function needOf(group: readonly PendingAppend[]): DecisionNeed {
  const streams = new Map<string, EventId[]>();
  const conditions: AppendCondition[] = [];
  for (const { append } of group) {
    for (const { streamId, events } of append.streams) {
      let ids = streams.get(streamId);
      if (ids === undefined) {
        ids = [];
        streams.set(streamId, ids);
      }
      for (const event of events) ids.push(event.id);
    }
    if (append.condition !== null) conditions.push(append.condition);
  }
  return { streams, conditions };
}
