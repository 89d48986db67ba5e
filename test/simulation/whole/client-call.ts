/**
 * A call of a client to a member over the simulated network: either the answer comes, or the client waits until its patience ends
 * and knows nothing. Must not know what is asked.
 */
import { StoreError } from '../../../src/domain/errors.ts';
import type { ComposedPipeline } from '../../../src/pipeline/create-pipeline.ts';
import type { WholeMachine } from './machine.ts';
import type { WholeWorld } from './world.ts';

/** No answer came. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** Asks the machine. Rejects with what the member rejected with, or with {@link NoAnswer}. */
export function callMember<T>(
  world: WholeWorld,
  client: number,
  machine: WholeMachine,
  patienceMicros: number,
  work: (pipeline: ComposedPipeline, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { wire, scheduler } = world;
  const over = new AbortController();
  let answered = false;
  return new Promise<T>((resolve, reject) => {
    wire.call(client, machine.number, () => {
      const { process } = machine;
      if (process === null) return;
      machine.perform(process, () => {
        const { pipeline } = process;
        if (pipeline === null) return;
        const answer = (action: () => void): void => {
          wire.call(machine.number, client, action);
        };
        work(pipeline, over.signal).then(
          (value) => {
            answer(() => {
              answered = true;
              resolve(value);
            });
          },
          (error: unknown) => {
            answer(() => {
              answered = true;
              reject(error instanceof Error ? error : new Error(String(error)));
            });
          },
        );
      });
    });
    scheduler.after(patienceMicros, () => {
      if (!answered) reject(new NoAnswer('no answer came'));
      // The connection is closed, and the member hears of it if it can.
      wire.call(client, machine.number, () => {
        const { process } = machine;
        if (process === null) return;
        machine.perform(process, () => {
          over.abort(new StoreError('CANCELLED', 'the client is gone', { reason: 'gone' }));
        });
      });
    });
  });
}
