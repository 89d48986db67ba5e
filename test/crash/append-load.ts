/**
 * Load for crash tests: clients that append in every way the SDK has, each to streams of its own, and note what they were
 * told. They end when the server goes away.
 */
import { randomUUID } from 'node:crypto';
import type { GraveyarClient, NewEvent } from '../../src/client/index.ts';
import type { AcknowledgedEvents, Attempt } from './acknowledged-events.ts';
import type { SeededRandom } from '../support/seeded-random.ts';

export interface Load {
  /** Ends when every client has noticed that it should stop. Rejects when an append failed for a reason of its own. */
  readonly finished: Promise<void>;
  stop(): void;
}

const UNARY_CLIENTS = 6;
const SESSION_WINDOW = 32;
const STREAMS_EACH = 3;

/** Errors that a server which goes away causes; anything else is a finding. */
const EXPECTED = new Set(['UNAVAILABLE', 'NOT_SERVING', 'OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED', 'CANCELLED', 'CLOSED']);

/** Starts appending with `client` until told to stop. */
export function startLoad(client: GraveyarClient, known: AcknowledgedEvents, random: SeededRandom): Load {
  const stopped = new AbortController();
  const clients = Array.from({ length: UNARY_CLIENTS }, (_, n) =>
    unaryClient(n, client, known, random, stopped.signal),
  );
  const finished = Promise.all([...clients, sessionClient(client, known, random, stopped.signal)]);
  return {
    finished: finished.then(() => undefined),
    stop: () => {
      stopped.abort(new Error('the load is stopped'));
    },
  };
}

/** The events of an attempt; the same each time, so that it can be repeated. */
export function eventsOf({ ids }: Attempt): NewEvent[] {
  return ids.map((id) => ({ id, type: 'crash-test', data: { id }, tags: ['crash'] }));
}

async function unaryClient(
  n: number,
  client: GraveyarClient,
  known: AcknowledgedEvents,
  random: SeededRandom,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const attempt = nextAttempt(`unary-${n}-${random.integer(STREAMS_EACH)}`, random);
    await settle(attempt, client.append(attempt.streamId, eventsOf(attempt), { signal }), known, signal);
  }
}

async function sessionClient(
  client: GraveyarClient,
  known: AcknowledgedEvents,
  random: SeededRandom,
  signal: AbortSignal,
): Promise<void> {
  const session = client.session({ window: SESSION_WINDOW });
  const inFlight = new Set<Promise<void>>();
  while (!signal.aborted) {
    const attempt = nextAttempt(`session-${random.integer(STREAMS_EACH)}`, random);
    const answer = settle(attempt, session.append(attempt.streamId, eventsOf(attempt)), known, signal);
    const entry: Promise<void> = answer.finally(() => inFlight.delete(entry));
    inFlight.add(entry);
    if (inFlight.size >= SESSION_WINDOW) await Promise.race([...inFlight, aborted(signal)]);
  }
  // The client is closed by its owner, which fails what has no answer.
  client.close();
  await Promise.all(inFlight);
}

async function settle(
  attempt: Attempt,
  answer: Promise<Parameters<AcknowledgedEvents['succeeded']>[1]>,
  known: AcknowledgedEvents,
  signal: AbortSignal,
): Promise<void> {
  try {
    known.succeeded(attempt, await answer);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (!signal.aborted && !(typeof code === 'string' && EXPECTED.has(code))) throw error;
    known.hadNoAnswer(attempt);
  }
}

function nextAttempt(streamId: string, random: SeededRandom): Attempt {
  return { streamId, ids: Array.from({ length: 1 + random.integer(12) }, () => randomUUID()) };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
