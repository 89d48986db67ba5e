/**
 * One distinct wish (a stream, a filter, or everything) and the consumers that share it.
 */
import type { CompiledFilter } from '../../domain/compiled-filter.ts';
import type { LiveConsumer } from './live-consumer.ts';

export class Route {
  readonly filter: CompiledFilter | null;
  readonly consumers = new Set<LiveConsumer>();
  /** While an append is routed: its events that this route wants, and the last ordinal that was evaluated. */
  runs: number[] = [];
  lookedAt = -1;
  #turn = 0;

  constructor(filter: CompiledFilter | null) {
    this.filter = filter;
  }

  /** Makes `runs` ready for the append with this number, and adds the route to `touched`, both once per append. */
  touch(turn: number, touched: Route[]): void {
    if (this.#turn === turn) return;
    this.#turn = turn;
    this.runs = [];
    this.lookedAt = -1;
    touched.push(this);
  }
}
