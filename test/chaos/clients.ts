/**
 * Clients that do what the workload says through the real SDK and record what they were told.
 *
 * Every answer goes into the history as it was given. An error that does not tell what became of the call is recorded without
 * an end; one that no store should give ends the run.
 */
import {
  AppendConditionFailedError,
  DeadlineExceededError,
  EventIdConflictError,
  GraveyarClient,
  GraveyarError,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '../../src/client/index.ts';
import type { AppendResult, NewEvent, RecordedEvent } from '../../src/client/index.ts';
import type { HistoryLine, Part } from './checker/history.ts';
import type { Recorder } from './recorder.ts';
import { pause } from './within.ts';
import { dataOf, tagsOf } from './workload.ts';
import type { Intent, Workload } from './workload.ts';

export interface ClientsOptions {
  readonly count: number;
  readonly recorder: Recorder;
  readonly workload: Workload;
  readonly addresses: readonly string[];
  /** Pause between two operations of a client. */
  readonly restMillis: () => number;
  readonly signal: AbortSignal;
}

/** How long a call may take, retries and all. */
const DEADLINE_MILLIS = 5_000;

/** Runs the clients until the signal; resolves when all have stopped, rejects when one met what must not be. */
export async function runClients(options: ClientsOptions): Promise<void> {
  const all = Array.from({ length: options.count }, (_, index) => runClient(index, options));
  await Promise.all(all);
}

async function runClient(index: number, options: ClientsOptions): Promise<void> {
  const { addresses, recorder, workload, signal, restMillis } = options;
  // Each begins with another member.
  const turned = addresses.map((_, at) => addresses[(at + index) % addresses.length] ?? '');
  const client = new GraveyarClient(turned, { deadlineMillis: DEADLINE_MILLIS });
  // Reads that may be stale go to one member.
  const single = new GraveyarClient(turned[0] ?? '', { deadlineMillis: DEADLINE_MILLIS });
  let name = recorder.newClient();
  try {
    while (!signal.aborted) {
      const intent = workload.next();
      const stale = intent.kind === 'read' && intent.consistency !== 'linearizable';
      const line = await perform(intent, stale ? single : client, name, recorder, workload);
      recorder.add(line);
      if (line.ret === undefined) name = recorder.newClient();
      await pause(restMillis(), signal);
    }
  } finally {
    client.close();
    single.close();
  }
}

async function perform(
  intent: Intent,
  client: GraveyarClient,
  name: number,
  recorder: Recorder,
  workload: Workload,
): Promise<HistoryLine> {
  const call = recorder.now();
  const asked = { client: name, call, ...askedOf(intent) };
  try {
    const answer = intent.kind === 'read' ? await read(intent, client) : await append(intent, client);
    const line = { ...asked, ret: recorder.now(), ...answer };
    learn(intent, line, workload);
    return line;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal !== null) {
      if (typeof refusal.version === 'number' && intent.kind === 'append') {
        workload.sawVersion(intent.part.stream, refusal.version);
      }
      return { ...asked, ret: recorder.now(), ...refusal };
    }
    if (!isUnknown(error)) throw error;
    if (intent.kind === 'append') workload.mayRepeat(intent.part);
    return asked;
  }
}

type Asked = Pick<HistoryLine, 'op' | 'stream' | 'expected' | 'ids' | 'condition' | 'consistency'>;

function askedOf(intent: Intent): Asked {
  if (intent.kind === 'read') return { op: 'read', stream: intent.stream, consistency: intent.consistency };
  if (intent.kind === 'append') {
    const { stream, expected, ids } = intent.part;
    return { op: 'append', stream, expected, ids };
  }
  const { parts, condition } = intent;
  const lists = {
    stream: parts.map(({ stream }) => stream),
    expected: parts.map(({ expected }) => expected),
    ids: parts.map(({ ids }) => ids),
  };
  return { op: 'transaction', ...lists, ...(condition === null ? {} : { condition }) };
}

type Answer = Pick<HistoryLine, 'result' | 'version' | 'failed' | 'from' | 'ids'>;

async function append(intent: Exclude<Intent, { kind: 'read' }>, client: GraveyarClient): Promise<Answer> {
  if (intent.kind === 'append') {
    const { part } = intent;
    const options = { expectedVersion: part.expected };
    const result = await client.append(part.stream, eventsOf(part), options);
    return { result: result.duplicate ? 'duplicate' : 'ok', version: result.lastRevision };
  }
  const parts = intent.parts.map((part) => ({
    streamId: part.stream,
    events: eventsOf(part),
    expectedVersion: part.expected,
  }));
  const { condition } = intent;
  const query = condition === null ? null : { items: [{ types: [], tags: [condition.tag] }] };
  const after = condition?.after ?? null;
  const guard = query === null ? {} : { condition: { query, ...(after === null ? {} : { afterPosition: after }) } };
  const results: readonly AppendResult[] = await client.transaction(parts, guard);
  const duplicate = results.some((result) => result.duplicate);
  return { result: duplicate ? 'duplicate' : 'ok', version: results.map(({ lastRevision }) => lastRevision) };
}

function eventsOf({ ids }: Part): NewEvent[] {
  return ids.map((id) => ({ id, type: 'chaos', data: Buffer.from(dataOf(id)), tags: tagsOf(id) }));
}

async function read(intent: Intent & { kind: 'read' }, client: GraveyarClient): Promise<Answer> {
  const { stream, direction, from, consistency } = intent;
  const freshness = typeof consistency === 'string' ? consistency : { atLeastPosition: consistency.atLeast };
  const range = direction === 'backwards' ? { limit: 12 } : { from };
  const options = { direction, ...range, consistency: freshness, deadlineMillis: DEADLINE_MILLIS };
  const events: RecordedEvent[] = [];
  try {
    const stored = stream === null ? client.readAll(options) : client.readStream(stream, options);
    for await (const batch of stored.batches()) events.push(...batch);
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
  }
  if (direction === 'backwards') events.reverse();
  events.forEach(checkData);
  const place = stream === null ? 'position' : 'revision';
  const [first] = events;
  const last = events.at(-1);
  return { result: 'ok', ids: events.map(({ id }) => id), from: first?.[place] ?? 0, version: last?.[place] ?? null };
}

/** Throws when an event's data or tags are not those it was appended with. */
export function checkData(event: RecordedEvent): void {
  if (event.text() === dataOf(event.id) && event.tags.join() === tagsOf(event.id).join()) return;
  throw new Error(`event ${event.id} at position ${event.position} has other data or tags than were appended`);
}

function learn(intent: Intent, line: HistoryLine, workload: Workload): void {
  if (intent.kind === 'append') {
    workload.sawVersion(intent.part.stream, line.version as number);
    workload.mayRepeat(intent.part);
  } else if (intent.kind === 'transaction') {
    for (const [index, part] of intent.parts.entries()) {
      workload.sawVersion(part.stream, (line.version as readonly number[])[index] ?? 0);
    }
  } else if (typeof line.version === 'number') {
    if (intent.stream === null) workload.sawPosition(line.version);
    else workload.sawVersion(intent.stream, line.version);
  }
}

function refusalOf(error: unknown): Answer | null {
  if (error instanceof WrongExpectedVersionError) {
    return { result: 'wrong-version', version: error.actualRevision, failed: error.streamId };
  }
  if (error instanceof EventIdConflictError) return { result: 'id-conflict' };
  if (error instanceof AppendConditionFailedError) return { result: 'condition-failed', version: error.position };
  return null;
}

/** Whether the error leaves open what became of the call, as no answer, or no answer in time, does. */
export function isUnknown(error: unknown): boolean {
  return error instanceof DeadlineExceededError || (error instanceof GraveyarError && error.retryable);
}
