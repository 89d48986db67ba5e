/**
 * A line on standard error that says how a long command is doing: drawn over itself on a terminal, otherwise written every few
 * seconds, so that a log shows life. Knows nothing of what it says.
 */
import type { Clock } from '../lib/clock.ts';

export interface StatusLineOptions {
  readonly clock: Clock;
  readonly stream: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };
}

const DRAW_MILLIS = 100;
const LINE_MILLIS = 5000;

/** Shows what `line` says at its own pace, until {@link finish}. */
export class StatusLine {
  readonly #options: StatusLineOptions;
  readonly #line: () => string;
  #cancel: () => void = () => undefined;
  #drawn = false;

  constructor(options: StatusLineOptions, line: () => string) {
    this.#options = options;
    this.#line = line;
    this.#schedule();
  }

  /** Shows the final state once (in a log only after earlier ones) and stops. */
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
    if (stream.isTTY === true) stream.write(`\r\u001b[2K${this.#line().slice(0, (stream.columns ?? 80) - 1)}`);
    else stream.write(`${this.#line()}\n`);
  }
}
