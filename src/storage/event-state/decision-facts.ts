/**
 * Loads what decisions need: heads first, those that are not in memory in one batched read; then the event ids of the streams that exist, of which nearly all are
 * known to be new without reading anything; then the conditions, a few at a time.
 */
import type { DecisionFacts, DecisionNeed, StreamHead } from '../../domain/append.ts';
import type { EventId } from '../../domain/event.ts';
import { defined } from '../../lib/assert.ts';
import type { EventIdIndex, WantedId } from '../event-id-index/event-id-index.ts';
import type { StoredRecord } from '../record.ts';
import { findMatch } from './read-query.ts';
import type { RecentHeads } from './recent-heads.ts';
import { readHeads, recordWith, type StateView } from './state-view.ts';

/** Conditions looked up at the same time: enough to keep the engine's threads busy, too few to starve other reads. */
const CONDITIONS_AT_ONCE = 8;

/** Reads of records at the same time, and how many candidates each has at least: repetitions mostly share records. */
const READS_AT_ONCE = 16;
const LEAST_SHARE = 8;

interface WantedEvent extends WantedId {
  readonly streamId: string;
}

interface Candidate {
  readonly position: number;
  readonly event: WantedEvent;
}

/** Where event ids are found. */
interface EventIdSource {
  readonly index: EventIdIndex;
  /** Waits for the write under way, if there is one. */
  readonly settle: () => Promise<void> | null;
}

/** What `need` asks for, as `Store.loadForDecision` promises it. Throws STORAGE_CORRUPT. */
export async function loadDecisionFacts(
  view: StateView,
  need: DecisionNeed,
  recent: RecentHeads,
  eventIds: EventIdSource,
): Promise<DecisionFacts> {
  const heads = new Map<string, StreamHead>();
  const unknown: string[] = [];
  for (const streamId of need.streams.keys()) {
    const head = recent.get(streamId);
    if (head === undefined) unknown.push(streamId);
    else heads.set(streamId, head);
  }
  const found = unknown.length === 0 ? [] : await readHeads(view.keyValue, unknown);
  for (const [i, streamId] of unknown.entries()) {
    const head = found[i];
    if (head !== null && head !== undefined) heads.set(streamId, head);
  }
  return {
    heads,
    revisions: await loadRevisions(view, need, heads, eventIds),
    conditionMatches: await loadMatches(view, need),
  };
}

/** Finds the candidates, and looks at the records to see which of them have the id. */
async function loadRevisions(
  view: StateView,
  need: DecisionNeed,
  heads: ReadonlyMap<string, StreamHead>,
  { index, settle }: EventIdSource,
): Promise<Map<string, Map<EventId, number>>> {
  const wanted: WantedEvent[] = [];
  for (const [streamId, { streamNumber }] of heads) {
    for (const id of need.streams.get(streamId) ?? []) wanted.push({ streamId, streamNumber, id });
  }
  const revisions = new Map<string, Map<EventId, number>>();
  if (wanted.length === 0) return revisions;
  const candidates: Candidate[] = [];
  await index.find(wanted, view.end, settle, (i, position) => {
    candidates.push({ position, event: defined(wanted[i], 'what was asked for') });
  });
  candidates.sort((a, b) => a.position - b.position);
  const share = Math.max(LEAST_SHARE, Math.ceil(candidates.length / READS_AT_ONCE));
  const reading: Promise<void>[] = [];
  for (let at = 0; at < candidates.length; at += share) {
    reading.push(verify(view, candidates.slice(at, at + share), revisions));
  }
  await Promise.all(reading);
  return revisions;
}

/** Adds those of the candidates, in ascending order of positions, that have the id. */
async function verify(
  view: StateView,
  candidates: readonly Candidate[],
  revisions: Map<string, Map<EventId, number>>,
): Promise<void> {
  let record: StoredRecord | null = null;
  for (const { position, event } of candidates) {
    if (record === null || position >= record.firstPosition + record.count) record = await recordWith(view, position);
    const ordinal = position - record.firstPosition;
    if (record.streamNumber !== event.streamNumber || record.eventId(ordinal) !== event.id) continue;
    const ofStream = revisions.get(event.streamId) ?? new Map<EventId, number>();
    ofStream.set(event.id, record.firstRevision + ordinal);
    revisions.set(event.streamId, ofStream);
  }
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
