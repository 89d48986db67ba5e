/**
 * The workloads of `graveyar bench`: each drives a client for a while and tells what it came to. Appends use a thousand
 * streams in turn; reads take what the appends before them have left. Knows nothing of how servers are started or results shown.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { GraveyarClient, NewEvent, RecordedEvent } from '../../client/index.ts';
import type { Clock } from '../../lib/clock.ts';
import { Meter } from './measure.ts';
import type { Measurement } from './measure.ts';

export interface WorkloadContext {
  readonly client: GraveyarClient;
  readonly clock: Clock;
  readonly millis: number;
  /** Bytes of data of each event. */
  readonly eventBytes: number;
  /** Ends the workload early. */
  readonly signal: AbortSignal;
}

export interface Workload {
  readonly name: string;
  /** Calls, or appends of a session, that are on their way at a time. */
  readonly inFlight: number;
  /** Whether the empty handler can stand beside it. */
  readonly hasBaseline: boolean;
  readonly run: (context: WorkloadContext) => Promise<Measurement>;
}

const STREAMS = 1000;
const SESSION_IN_FLIGHT = 1024;
const BATCH_EVENTS = 100;
const BATCHES_IN_FLIGHT = 128;
/** The stream that `batches` fills for `read-stream`, besides others. */
const LONG_STREAM = 'bench-long';

/** In the order in which they run. */
export const WORKLOADS: readonly Workload[] = [
  ...[1, 64, 1024].map((inFlight) => ({
    name: 'append-unary',
    inFlight,
    hasBaseline: true,
    run: (context: WorkloadContext) => appendUnary(context, inFlight),
  })),
  { name: 'append-session', inFlight: SESSION_IN_FLIGHT, hasBaseline: false, run: appendSession },
  { name: 'append-batches-100', inFlight: BATCHES_IN_FLIGHT, hasBaseline: false, run: appendBatches },
  { name: 'read-stream', inFlight: 1, hasBaseline: false, run: readStream },
  { name: 'read-all', inFlight: 1, hasBaseline: false, run: readAll },
  { name: 'subscribe', inFlight: 1, hasBaseline: false, run: subscribe },
];

function eventMaker(eventBytes: number): () => NewEvent {
  const data = randomBytes(eventBytes);
  return () => ({ id: randomUUID(), type: 'bench', data, contentType: 'application/octet-stream' });
}

/** Keeps `inFlight` operations going until the time is over; each brings so many events. */
async function keepInFlight(
  { clock, millis, signal }: WorkloadContext,
  inFlight: number,
  operation: (n: number) => Promise<number>,
): Promise<Measurement> {
  const meter = new Meter(clock);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (meter.elapsed < millis && !signal.aborted) {
      const startedAt = meter.now();
      meter.record(startedAt, await operation(next++));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return meter.finish();
}

function appendUnary(context: WorkloadContext, inFlight: number): Promise<Measurement> {
  const event = eventMaker(context.eventBytes);
  return keepInFlight(context, inFlight, async (n) => {
    await context.client.append(`bench-${n % STREAMS}`, [event()]);
    return 1;
  });
}

async function appendSession(context: WorkloadContext): Promise<Measurement> {
  const event = eventMaker(context.eventBytes);
  const session = context.client.session({ window: SESSION_IN_FLIGHT });
  const measured = await keepInFlight(context, SESSION_IN_FLIGHT, async (n) => {
    await session.append(`bench-${n % STREAMS}`, [event()]);
    return 1;
  });
  await session.close();
  return measured;
}

async function appendBatches(context: WorkloadContext): Promise<Measurement> {
  const event = eventMaker(context.eventBytes);
  const session = context.client.session({ window: BATCHES_IN_FLIGHT });
  const measured = await keepInFlight(context, BATCHES_IN_FLIGHT, async (n) => {
    const stream = n % 2 === 0 ? LONG_STREAM : `bench-${n % STREAMS}`;
    await session.append(stream, Array.from({ length: BATCH_EVENTS }, event));
    return BATCH_EVENTS;
  });
  await session.close();
  return measured;
}

/** Takes batches until the time is over, beginning again at the end; an operation is one batch. */
async function readBatches(
  { clock, millis, signal }: WorkloadContext,
  open: () => AsyncIterable<readonly RecordedEvent[]>,
): Promise<Measurement> {
  const meter = new Meter(clock);
  while (meter.elapsed < millis && !signal.aborted) {
    let startedAt = meter.now();
    for await (const events of open()) {
      meter.record(startedAt, events.length);
      if (meter.elapsed >= millis) break;
      startedAt = meter.now();
    }
  }
  return meter.finish();
}

function readStream(context: WorkloadContext): Promise<Measurement> {
  return readBatches(context, () => context.client.readStream(LONG_STREAM).batches());
}

function readAll(context: WorkloadContext): Promise<Measurement> {
  return readBatches(context, () => context.client.readAll().batches());
}

/** Catching up from the beginning, again and again. */
function subscribe(context: WorkloadContext): Promise<Measurement> {
  return readBatches(context, () => caughtUp(context.client));
}

async function* caughtUp(client: GraveyarClient): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  for await (const message of client.subscribe({}).messages()) {
    if (message.kind === 'caught-up') return;
    if (message.kind === 'events') yield message.events;
  }
}
