/**
 * How far a long command has come: counts, a rate and, where the whole is known, a bar. Knows nothing of the work.
 */
import { StatusLine } from './status-line.ts';
import type { StatusLineOptions } from './status-line.ts';
import { grouped } from './table.ts';

export interface ProgressOptions extends StatusLineOptions {
  /** What is counted, for example `events`. */
  readonly unit: string;
}

const BAR_WIDTH = 24;

/** Shows what it is told at its own pace; telling is cheap. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #startedAt: number;
  #count = 0;
  #fraction: number | null = null;
  readonly #status: StatusLine;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonicMillis();
    this.#status = new StatusLine(options, () => this.line());
  }

  /** So many units are done; `fraction` (0 to 1) of all when the whole is known, else null. */
  update(count: number, fraction: number | null): void {
    this.#count = count;
    this.#fraction = fraction;
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (this.#options.clock.monotonicMillis() - this.#startedAt) / 1000;
  }

  /** Shows the final state once and stops. */
  finish(): void {
    this.#status.finish();
  }

  /** The state in one line, for example `[####....] 50.0 %  1,000 events  500/s  2 s left`. */
  line(): string {
    const rate = this.seconds > 0 ? this.#count / this.seconds : 0;
    const counts = `${grouped(this.#count)} ${this.#options.unit}  ${grouped(Math.round(rate))}/s`;
    if (this.#fraction === null) return `${counts}  ${this.seconds.toFixed(0)} s`;
    const fraction = Math.min(1, Math.max(0, this.#fraction));
    const filled = Math.round(fraction * BAR_WIDTH);
    const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ${(fraction * 100).toFixed(1)} %`;
    if (fraction === 0 || fraction === 1) return `${bar}  ${counts}  ${this.seconds.toFixed(0)} s`;
    return `${bar}  ${counts}  ${((this.seconds * (1 - fraction)) / fraction).toFixed(0)} s left`;
  }
}
