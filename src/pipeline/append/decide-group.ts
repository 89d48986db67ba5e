/**
 * Fourth stage: decides the appends of a group one after the other, each against everything decided before it, and adds
 * what is accepted to the in-flight state. Synchronous: nothing happens between two decisions.
 */
import type { AppendResult, DecidedAppend, DecisionFacts, DecisionNeed } from '../../domain/append.ts';
import { decide } from '../../domain/decide.ts';
import type { DuplicatePart } from '../../domain/decide.ts';
import { isStoreError } from '../../domain/errors.ts';
import type { StoreError } from '../../domain/errors.ts';
import { defined } from '../../lib/assert.ts';
import type { Store } from '../../storage/store.ts';
import { DecisionOverlay } from './decision-overlay.ts';
import type { InFlightState } from './in-flight-state.ts';
import type { PendingAppend } from './pending-append.ts';

/** An append with what its caller will be told once the group is durable. */
export interface DecidedMember {
  readonly pending: PendingAppend;
  /** A promise (which never rejects) while the places of repeated events are being looked up. */
  readonly answer: readonly AppendResult[] | StoreError | Promise<readonly AppendResult[] | StoreError>;
}

export interface DecidedGroup {
  /** In the order of the group, without the appends that were abandoned before. */
  readonly members: readonly DecidedMember[];
  /** Everything accepted, in the order of positions. May be empty. */
  readonly accepted: readonly DecidedAppend[];
}

/** Decides the group at the time `createdAt`. `facts` answer `need`, and were loaded after the last drop of `inFlight`. */
export function decideGroup(
  group: readonly PendingAppend[],
  inFlight: InFlightState,
  loaded: { readonly need: DecisionNeed; readonly facts: DecisionFacts },
  createdAt: number,
  store: Store,
): DecidedGroup {
  const view = new DecisionOverlay(inFlight, loaded.need, loaded.facts);
  const members: DecidedMember[] = [];
  const accepted: DecidedAppend[] = [];
  for (const pending of group) {
    if (pending.answered) continue;
    pending.decided = true;
    const decision = decide(pending.append, view, { nextPosition: inFlight.nextPosition, createdAt });
    switch (decision.kind) {
      case 'accepted':
        for (const part of decision.parts) {
          inFlight.add(part);
          accepted.push(part);
        }
        members.push({ pending, answer: decision.parts.map(acceptedResult) });
        break;
      case 'duplicate':
        members.push({ pending, answer: locateAll(decision.parts, view, inFlight, store) });
        break;
      case 'rejected':
        members.push({ pending, answer: decision.error });
        break;
    }
  }
  return { members, accepted };
}

function acceptedResult(part: DecidedAppend): AppendResult {
  const last = part.events.length - 1;
  return {
    firstRevision: part.firstRevision,
    lastRevision: part.firstRevision + last,
    firstPosition: part.firstPosition,
    lastPosition: part.firstPosition + last,
    duplicate: false,
  };
}

/** Where the repeated events are. What is in flight has to be asked now: later it may have been applied and dropped. */
async function locateAll(
  parts: readonly DuplicatePart[],
  view: DecisionOverlay,
  inFlight: InFlightState,
  store: Store,
): Promise<readonly AppendResult[] | StoreError> {
  const positionOf = async (streamId: string, revision: number): Promise<number> => {
    const head = view.stream(streamId)?.head;
    if (revision === head?.lastRevision) return head.lastPosition;
    if (revision === 0 && head !== undefined) return head.streamNumber;
    const known = inFlight.stream(streamId)?.positionOf(revision);
    if (known !== undefined) return known;
    const applied = await store.positionOf(streamId, revision);
    return defined(applied, `stream "${streamId}" to have the revision ${revision} that its event id names`);
  };
  const places = parts.map(async ({ streamId, firstRevision, lastRevision }): Promise<AppendResult> => {
    const [firstPosition, lastPosition] = await Promise.all([
      positionOf(streamId, firstRevision),
      positionOf(streamId, lastRevision),
    ]);
    return { firstRevision, lastRevision, firstPosition, lastPosition, duplicate: true };
  });
  try {
    return await Promise.all(places);
  } catch (error) {
    if (isStoreError(error)) return error;
    throw error;
  }
}
