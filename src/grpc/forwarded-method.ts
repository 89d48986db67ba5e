/**
 * Methods that only the leader may answer: here when this member leads, else passed on undecoded.
 */
import { isStoreError } from '../domain/errors.ts';
import type { CallFacts } from './call-facts.ts';
import type { Forwarder } from './forwarder.ts';
import type { UnaryMethod } from './unary-call.ts';

/** What makes `definition`, the method at `path`, answer on any member. */
export function forwardedMethod<Request, Response>(
  definition: UnaryMethod<Request, Response>,
  path: string,
  forwarder: Forwarder,
  repeatable: boolean,
): UnaryMethod<Uint8Array, Uint8Array> {
  const answer = async (message: Uint8Array, signal: AbortSignal, facts: CallFacts): Promise<Uint8Array> => {
    const { read, run, encode } = definition;
    return encode(await run(read(message), signal, facts));
  };
  const forward = (message: Uint8Array, signal: AbortSignal, facts: CallFacts): Promise<Uint8Array> => {
    const local = (): Promise<Uint8Array> => answer(message, signal, facts);
    return forwarder.forward({ path, message, facts, repeatable, local }, signal);
  };
  return {
    read: (message) => message,
    run: (message, signal, facts) => {
      if (!forwarder.leads) return forward(message, signal, facts);
      const { read, run, encode } = definition;
      // The way of nearly every call, so it makes no promise more than it must.
      return run(read(message), signal, facts).then(encode, (error: unknown) => {
        // It led a moment ago, and nothing was done.
        if (isStoreError(error) && error.is('NOT_LEADER')) return forward(message, signal, facts);
        throw error;
      });
    },
    encode: (message) => message,
  };
}
