/**
 * Looks at clusters again and again: when something of them changed, when a plan asked for it, and after failures. Knows when, not what.
 */
import type { Clock } from '../../src/lib/clock.ts';
import { InvariantViolation } from '../../src/lib/assert.ts';
import { withAnySignal } from '../../src/lib/deadline.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { LeaseLost } from '../kubernetes/lease-election.ts';
import type { ObjectRef } from '../kubernetes/object.ts';
import { WorkQueue } from '../kubernetes/work-queue.ts';
import type { Reconciler } from './reconciler.ts';

/** Told of each look. */
export interface ControllerObserver {
  reconciled(outcome: 'done' | 'failed' | 'gone', seconds: number): void;
}

export interface ControllerOptions {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly observer: ControllerObserver;
  /** Clusters that are worked on at a time. */
  readonly workers: number;
  /** A cluster is looked at at least this often: members tell of a change only when they are asked. */
  readonly longestWaitMillis: number;
}

/** Changes come in crowds: a pod that starts is several within a moment. */
const GATHER_MILLIS = 50;
const BACKOFF = { first: 500, longest: 15_000 };

/** Makes sure that every cluster is looked at. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({ clock: options.clock, random: options.random, backoff: BACKOFF });
  }

  /** Clusters that could be looked at now. */
  get queued(): number {
    return this.#queue.depth;
  }

  /** Something of this cluster changed. `key` is `namespace/name`. */
  changed(key: string): void {
    this.#queue.addAfter(key, GATHER_MILLIS);
  }

  /**
   * Works until `stopping` is aborted and what is going on has ended, for which `signal` is aborted. Rejects with LeaseLost and broken
   * invariants: then the process has to end.
   */
  async run(reconciler: Reconciler, stopping: AbortSignal, signal: AbortSignal): Promise<void> {
    const fatal = Promise.withResolvers<never>();
    const over = new AbortController();
    const work = async (key: string): Promise<void> => {
      try {
        await this.#look(reconciler, key, stopping, signal);
      } catch (error) {
        // Nothing else is begun, however soon the process ends.
        over.abort(error);
        fatal.reject(error);
      }
    };
    const ended = (end: AbortSignal): Promise<void> => this.#queue.run(this.#options.workers, work, end);
    await Promise.race([withAnySignal([stopping, signal, over.signal], ended), fatal.promise]);
  }

  async #look(reconciler: Reconciler, key: string, stopping: AbortSignal, signal: AbortSignal): Promise<void> {
    const { clock, logger, observer, longestWaitMillis } = this.#options;
    const started = clock.monotonicMillis();
    const seconds = (): number => (clock.monotonicMillis() - started) / 1000;
    try {
      const outcome = await reconciler.reconcile(key, refOfKey(key), { signal, stopping });
      observer.reconciled(outcome.kind, seconds());
      if (outcome.kind === 'failed') {
        this.#queue.retry(key);
        return;
      }
      this.#queue.succeeded(key);
      if (outcome.kind === 'gone') return;
      this.#queue.addAfter(key, outcome.stepped ? 0 : Math.min(outcome.requeueAfterMillis, longestWaitMillis));
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof LeaseLost || error instanceof InvariantViolation) throw error;
      observer.reconciled('failed', seconds());
      const wait = this.#queue.retry(key);
      logger.warn('a cluster could not be looked at', { cluster: key, againInMillis: Math.round(wait), error });
    }
  }
}

function refOfKey(key: string): ObjectRef {
  const at = key.indexOf('/');
  return { namespace: key.slice(0, at), name: key.slice(at + 1) };
}
