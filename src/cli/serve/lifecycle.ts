/**
 * How a server's process ends. SIGTERM, SIGINT and SIGHUP: stop in order, finish what was admitted, exit 0; a second SIGTERM or SIGINT,
 * or a stop that hangs, ends it at once. A failure of the store, a broken invariant or a forgotten rejection: one fatal
 * line and the end, because going on could acknowledge what is not durable. Owns `process`; knows nothing of the server.
 */
import { StoreError } from '../../domain/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { EXIT } from '../exit-code.ts';
import { describeFailure } from '../failure.ts';

/** How much longer than the grace period a stop may take (closing files) before the process is ended. */
const HANG_MILLIS = 5000;

export interface LifecycleOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly graceMillis: number;
  /** Aborted by the first signal to stop, whose name is the reason; also when it came before the server ran. */
  readonly interrupted: AbortSignal;
}

/** Something that can be stopped in order, and may fail for good before. */
export interface Stoppable {
  readonly failed: Promise<never>;
  /** Resolves when it has nothing more to do, as its member was removed from the cluster. */
  readonly removed: Promise<void>;
  stop(): Promise<void>;
}

/** Logs and ends the process now. Nothing is flushed or closed: what is durable is durable. */
export function endProcess(logger: Logger, error: unknown): never {
  const expected = error instanceof StoreError;
  logger.fatal(expected ? 'the store has failed; the process ends' : 'a defect was found; the process ends', { error });
  process.exit(expected ? describeFailure(error).exitCode : EXIT.internal);
}

/** Makes errors that nobody handles end the process. */
export function endOnUnhandledErrors(logger: Logger): void {
  process.on('uncaughtException', (error) => endProcess(logger, error));
  process.on('unhandledRejection', (reason) => endProcess(logger, reason));
}

/** Runs until `interrupted`, a removal or a failure, which does not return; after the others resolves when all is stopped. */
export async function runUntilSignal(server: Stoppable, options: LifecycleOptions): Promise<void> {
  const { logger, clock, graceMillis, interrupted } = options;
  server.failed.catch((error: unknown) => endProcess(logger, error));
  const removed = server.removed.then(() => 'removed from the cluster');
  const reason = await Promise.race([aborted(interrupted).then(() => String(interrupted.reason)), removed]);
  process.on('SIGTERM', () => force(logger, 'SIGTERM'));
  process.on('SIGINT', () => force(logger, 'SIGINT'));
  logger.info('stopping', { reason, graceMillis });
  const cancel = clock.setTimer(graceMillis + HANG_MILLIS, () => {
    logger.fatal('the stop has not ended in time; the process ends', { graceMillis });
    process.exit(EXIT.failed);
  });
  await server.stop();
  cancel();
  logger.info('stopped');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function force(logger: Logger, signal: 'SIGTERM' | 'SIGINT'): never {
  logger.warn('a second signal: ending at once', { signal });
  process.exit(signal === 'SIGTERM' ? 143 : 130);
}
