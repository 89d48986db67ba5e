/**
 * How far a long command has come, on standard error: one line drawn over itself on a terminal, otherwise a line every few
 * seconds, so that a log shows life. Knows nothing of the work.
 */
import type { Clock } from '../lib/clock.ts';
import { grouped } from './table.ts';

export interface ProgressOptions {
  readonly clock: Clock;
  readonly stream: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };
  /** What is counted, for example `events`. */
  readonly unit: string;
}

const DRAW_MILLIS = 100;
const LINE_MILLIS = 5000;
const BAR_WIDTH = 24;

/** Shows what it is told at its own pace; telling is cheap. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #startedAt: number;
  #count = 0;
  #fraction: number | null = null;
  #cancel: () => void = () => undefined;
  #drawn = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonicMillis();
    this.#schedule();
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
    this.#cancel();
    if (this.#options.stream.isTTY === true) {
      this.#draw();
      this.#options.stream.write('\n');
    } else if (this.#drawn) {
      this.#draw();
    }
  }

  #schedule(): void {
    const { clock, stream } = this.#options;
    this.#cancel = clock.setTimer(stream.isTTY === true ? DRAW_MILLIS : LINE_MILLIS, () => {
      this.#draw();
      this.#schedule();
    });
  }

  #draw(): void {
    const { stream } = this.#options;
    this.#drawn = true;
    if (stream.isTTY === true) stream.write(`\r\u001b[2K${this.line().slice(0, (stream.columns ?? 80) - 1)}`);
    else stream.write(`${this.line()}\n`);
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
