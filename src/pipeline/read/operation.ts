/**
 * The lifetime of work done for one caller: ends when the caller aborts or the server stops, whichever is first, and lets go of
 * what it holds at once, without waiting for the caller to ask for more. Operations are counted and bounded.
 */
import { StoreError } from '../../domain/errors.ts';

/** One piece of work in progress. */
export interface Operation {
  /** Aborted with the caller's reason, or with that of {@link Operations.endAll}. */
  readonly signal: AbortSignal;
  /** The work is done, or given up. Calling it again does nothing. */
  end(): void;
}

/** The operations in progress of one kind. */
export class Operations {
  readonly #queue: string;
  readonly #limit: number;
  readonly #active = new Set<AbortController>();
  #stopped: StoreError | null = null;

  /** At most `limit` at once; `queue` names the kind in OVERLOADED. */
  constructor(queue: string, limit: number) {
    this.#queue = queue;
    this.#limit = limit;
  }

  get active(): number {
    return this.#active.size;
  }

  /** Begins one. Throws the signal's reason when it is aborted, OVERLOADED beyond the limit, NOT_SERVING when stopped. */
  begin(signal: AbortSignal): Operation {
    signal.throwIfAborted();
    if (this.#stopped !== null) throw this.#stopped;
    if (this.#active.size >= this.#limit) {
      const details = { queue: this.#queue, limit: this.#limit };
      throw new StoreError('OVERLOADED', `the server allows ${this.#limit} ${this.#queue} at once`, details);
    }
    const controller = new AbortController();
    const abort = (): void => {
      controller.abort(signal.reason);
    };
    this.#active.add(controller);
    signal.addEventListener('abort', abort, { once: true });
    const end = (): void => {
      this.#active.delete(controller);
      signal.removeEventListener('abort', abort);
    };
    controller.signal.addEventListener('abort', end, { once: true });
    return { signal: controller.signal, end };
  }

  /** Ends all that are in progress, with this reason. */
  endAll(reason: StoreError): void {
    for (const controller of [...this.#active]) controller.abort(reason);
  }

  /** Ends all with NOT_SERVING, and begins no more. */
  stop(): void {
    this.#stopped ??= new StoreError('NOT_SERVING', 'the server is stopping', { reason: 'stopping' });
    this.endAll(this.#stopped);
  }
}
