/**
 * The operator, ended after each single thing that it does (a status written, an object applied, a member added, …) and started anew
 * with nothing, as often as it takes. It runs in this process: what it throws away is all that it had.
 */
import { LeaseLost } from '../../../operator/kubernetes/lease-election.ts';
import { runOperator } from '../../../operator/run-operator.ts';
import { loadOperatorSettings } from '../../../operator/settings.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';

export interface KilledOperatorOptions {
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly logger: Logger;
}

/** Lives many short lives. */
export class KilledOperator {
  /** What it did, in order; it was ended after each. */
  readonly actions: string[] = [];
  /** What else ended it. */
  readonly troubles: string[] = [];
  readonly #options: KilledOperatorOptions;
  #lives = 0;

  constructor(options: KilledOperatorOptions) {
    this.#options = options;
  }

  /** How many times it was started. */
  get lives(): number {
    return this.#lives;
  }

  /** Lives until `pending` says null. Rejects with what it said last after `millis`. */
  async liveUntil(pending: () => Promise<string | null>, millis: number): Promise<void> {
    const deadline = performance.now() + millis;
    const done = new AbortController();
    const lives = this.#live(done.signal);
    try {
      for (;;) {
        const missing = await pending().catch(String);
        if (missing === null) return;
        if (performance.now() > deadline) {
          const last = `${this.actions.slice(-12).join(', ')}; ${this.troubles.slice(-3).join('; ')}`;
          throw new Error(`after ${this.#lives} lives: ${missing}. It did last: ${last}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    } finally {
      done.abort();
      await lives;
    }
  }

  async #live(done: AbortSignal): Promise<void> {
    while (!done.aborted) {
      const { kubeconfig, namespace, logger } = this.#options;
      this.#lives++;
      const settings = loadOperatorSettings(
        {
          kubeconfig,
          namespaces: namespace,
          metricsPort: '0',
          resync: '1s',
          leaseNamespace: namespace,
          // Another lease each time: who is dead holds nobody up. Long, as the machine is shared.
          leaseName: `life-${this.#lives}`,
          leaseDuration: '60s',
        },
        {},
      );
      const afterAction = (kind: string): void => {
        this.actions.push(kind);
        throw new LeaseLost(`ended after ${kind}`);
      };
      const environment = { logger, clock: systemClock, version: 'test', stopping: done, afterAction };
      await runOperator(settings, environment).catch((error: unknown) => {
        if (!(error instanceof LeaseLost)) this.troubles.push(String(error));
      });
    }
  }
}
