/**
 * The state that appends are decided against: loaded facts with everything in flight laid over them.
 *
 * An append may be in both (it was applied during the load); they agree then. In-flight state comes first, as it is
 * never older.
 */
import type { AppendCondition, DecisionFacts, DecisionNeed, StreamHead } from '../../domain/append.ts';
import type { DecisionView, StreamView } from '../../domain/decide.ts';
import type { EventId } from '../../domain/event.ts';
import type { InFlightState } from './in-flight-state.ts';
import type { InFlightStream } from './in-flight-stream.ts';

/** Good for one group; sees what is added to `inFlight` meanwhile. `facts` answer `need`. */
export class DecisionOverlay implements DecisionView {
  readonly #inFlight: InFlightState;
  readonly #facts: DecisionFacts;
  readonly #need: DecisionNeed;

  constructor(inFlight: InFlightState, need: DecisionNeed, facts: DecisionFacts) {
    this.#inFlight = inFlight;
    this.#facts = facts;
    this.#need = need;
  }

  stream(streamId: string): StreamView | undefined {
    const inFlight = this.#inFlight.stream(streamId);
    const head = inFlight?.head ?? this.#facts.heads.get(streamId);
    if (head === undefined) return undefined;
    return new OverlaidStream(head, inFlight, this.#facts.revisions.get(streamId));
  }

  conditionMatch(condition: AppendCondition): number | null {
    const applied = this.#facts.conditionMatches[this.#need.conditions.indexOf(condition)] ?? null;
    return applied ?? this.#inFlight.conditionMatch(condition);
  }
}

class OverlaidStream implements StreamView {
  readonly head: StreamHead;
  readonly #inFlight: InFlightStream | undefined;
  readonly #applied: ReadonlyMap<EventId, number> | undefined;

  constructor(
    head: StreamHead,
    inFlight: InFlightStream | undefined,
    applied: ReadonlyMap<EventId, number> | undefined,
  ) {
    this.head = head;
    this.#inFlight = inFlight;
    this.#applied = applied;
  }

  revisionOf(eventId: EventId): number | undefined {
    return this.#inFlight?.revisionOf(eventId) ?? this.#applied?.get(eventId);
  }
}
