/**
 * Keeps runs apart: what one seed leaves behind must not reach the next, and what it does must not come from outside of it.
 *
 * Invariants: a rejection that nobody handles belongs to the run in which it happened, and breaks it; what waits for the event loop
 * waits for the next event instead. Must not know what is run.
 */
import { eventLoopTurn, type Scheduler } from './scheduler.ts';

/** Runs `run`; a rejection that nobody handles goes to `violated`, before this resolves. */
export async function isolated(
  scheduler: Scheduler,
  violated: (error: unknown) => void,
  run: () => Promise<void>,
): Promise<void> {
  process.on('unhandledRejection', violated);
  // Long scans let the event loop run other work (lib/clock.ts): here that is the next event at the same time.
  const realImmediate = globalThis.setImmediate;
  globalThis.setImmediate = ((callback: () => void) => {
    scheduler.after(0, callback);
  }) as unknown as typeof setImmediate;
  try {
    await run();
    await eventLoopTurn();
  } finally {
    globalThis.setImmediate = realImmediate;
    process.off('unhandledRejection', violated);
  }
}

/**
 * Makes the clocks, timers and dice of this process fail whoever asks them. Returns who asked since it was called last. For a process
 * that does nothing but simulate.
 */
export function forbidRealWorld(): () => readonly string[] {
  let asked: string[] = [];
  const forbid = (owner: object, name: string): void => {
    const ask = (): never => {
      const error = new Error(`a simulated program asked for ${name}`);
      asked.push(error.stack ?? error.message);
      throw error;
    };
    Object.defineProperty(owner, name, { value: ask, configurable: true, writable: true });
  };
  forbid(Date, 'now');
  forbid(performance, 'now');
  forbid(Math, 'random');
  forbid(globalThis, 'setTimeout');
  forbid(globalThis, 'setInterval');
  forbid(AbortSignal, 'timeout');
  forbid(AbortSignal, 'any');
  return () => {
    const since = asked;
    asked = [];
    return since;
  };
}
