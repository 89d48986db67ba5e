/**
 * How far one subscription has come. Pure bookkeeping; knows nothing of where events come from.
 */
import type { StoredAppend } from '../../storage/stored-append.ts';
import type { EventBatch, SubscriptionTarget } from '../event-pipeline.ts';

export class Progress {
  /** Every position below it was looked at, or was not asked for. */
  position: number;
  /** Stream targets: the revision that is wanted next; null while it is not known (the end was asked for). */
  revision: number | null = null;
  /** The newest position that a message has told the consumer; -1: none. */
  reported: number;
  readonly #stream: boolean;

  /** `end` is the position of the next event that will be applied: where a subscription from the end begins. */
  constructor(target: SubscriptionTarget, end: number) {
    const { start } = target;
    this.#stream = target.kind === 'stream';
    this.position = start.kind === 'end' ? end : 0;
    if (target.kind === 'all' && start.kind === 'after') this.position = start.value + 1;
    if (target.kind === 'stream' && start.kind === 'beginning') this.revision = 0;
    if (target.kind === 'stream' && start.kind === 'after') this.revision = start.value + 1;
    this.reported = this.position - 1;
  }

  /** The last position looked at; null when there is none. */
  get looked(): number | null {
    return this.position === 0 ? null : this.position - 1;
  }

  /** Positions looked at that the consumer does not know of. */
  get unreported(): number {
    return this.position - 1 - this.reported;
  }

  /** Every position below `end` was looked at. */
  advance(end: number): void {
    if (end > this.position) this.position = end;
  }

  /** The batch was given to the consumer. */
  delivered(batch: EventBatch): void {
    this.advance(batch.lastPosition + 1);
    if (this.#stream) this.revision = batch.lastRevision + 1;
    this.reported = batch.lastPosition;
  }

  /** The consumer was told of everything looked at. */
  told(): void {
    this.reported = Math.max(this.reported, this.position - 1);
  }

  /** The first ordinal of an append that is wanted; its count or more when none is. */
  readonly lowest = (append: StoredAppend): number => {
    const byPosition = this.position - append.firstPosition;
    return this.revision === null ? byPosition : Math.max(byPosition, this.revision - append.firstRevision);
  };
}
