/**
 * Loads what decisions need: heads first, then the event ids of the streams that exist, each in one batched read; then the
 * conditions, a few at a time.
 */
import type { DecisionFacts, DecisionNeed, StreamHead } from '../../domain/append.ts';
import type { EventId } from '../../domain/event.ts';
import { eventIdKey } from '../keys.ts';
import { decodeRevision } from '../values.ts';
import { findMatch } from './read-query.ts';
import { readHeads, type StateView } from './state-view.ts';

/** Conditions looked up at the same time: enough to keep the engine's threads busy, too few to starve other reads. */
const CONDITIONS_AT_ONCE = 8;

/** What `need` asks for, as `Store.loadForDecision` promises it. Throws STORAGE_CORRUPT. */
export async function loadDecisionFacts(view: StateView, need: DecisionNeed): Promise<DecisionFacts> {
  const streamIds = [...need.streams.keys()];
  const found = streamIds.length === 0 ? [] : await readHeads(view.keyValue, streamIds);
  const heads = new Map<string, StreamHead>();
  for (const [i, streamId] of streamIds.entries()) {
    const head = found[i];
    if (head !== null && head !== undefined) heads.set(streamId, head);
  }
  return {
    heads,
    revisions: await loadRevisions(view, need, heads),
    conditionMatches: await loadMatches(view, need),
  };
}

async function loadRevisions(
  view: StateView,
  need: DecisionNeed,
  heads: ReadonlyMap<string, StreamHead>,
): Promise<Map<string, Map<EventId, number>>> {
  const wanted: (readonly [streamId: string, id: EventId])[] = [];
  const keys: Uint8Array[] = [];
  for (const [streamId, { streamNumber }] of heads) {
    for (const id of need.streams.get(streamId) ?? []) {
      wanted.push([streamId, id]);
      keys.push(eventIdKey(streamNumber, id));
    }
  }
  const revisions = new Map<string, Map<EventId, number>>();
  const values = keys.length === 0 ? [] : await view.keyValue.getMany(keys);
  for (const [i, [streamId, id]] of wanted.entries()) {
    const value = values[i] ?? null;
    if (value === null) continue;
    const ofStream = revisions.get(streamId) ?? new Map<EventId, number>();
    ofStream.set(id, decodeRevision(value));
    revisions.set(streamId, ofStream);
  }
  return revisions;
}

async function loadMatches(view: StateView, need: DecisionNeed): Promise<(number | null)[]> {
  const matches: (number | null)[] = [];
  for (let at = 0; at < need.conditions.length; at += CONDITIONS_AT_ONCE) {
    const some = need.conditions.slice(at, at + CONDITIONS_AT_ONCE);
    const found = await Promise.all(some.map(({ query, afterPosition }) => findMatch(view, query, afterPosition)));
    matches.push(...found);
  }
  return matches;
}
