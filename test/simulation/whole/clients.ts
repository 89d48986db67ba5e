/**
 * Concurrent clients: each does one operation at a time, sends it again under the same ids while it does not know what became of
 * it, and writes down what it was told, in the form of the chaos tests' history. Whether that can be is the checker's to judge.
 */
import type { Append, AppendResult, ExpectedVersion } from '../../../src/domain/append.ts';
import { isStoreError, type StoreError } from '../../../src/domain/errors.ts';
import { ReadResponse, type RecordedEvent } from '../../../src/grpc/gen/graveyar/v1/event_store.ts';
import type { EventBatch, ReadConsistency } from '../../../src/pipeline/event-pipeline.ts';
import type { ComposedPipeline } from '../../../src/pipeline/create-pipeline.ts';
import type { Expected, HistoryLine, Part } from '../../chaos/checker/history.ts';
import type { SeededRandom } from '../random.ts';
import { Violation } from '../violation.ts';
import { callMember, NoAnswer } from './client-call.ts';
import type { WholeMachine } from './machine.ts';
import { dataOf, type Intent, tagsOf, Workload } from './workload.ts';
import { machineAt, type WholeWorld } from './world.ts';

const PATIENCE_MICROS = 600_000;
const ATTEMPTS = 4;
/** Numbers of clients on the network; machines are below. */
const FIRST_CLIENT = 1000;

type Answer = Pick<HistoryLine, 'result' | 'version' | 'failed' | 'from' | 'ids'>;

export class WholeClients {
  readonly lines: HistoryLine[] = [];
  readonly #world: WholeWorld;
  readonly #random: SeededRandom;
  readonly #workload: Workload;
  #names = 0;
  #busy = 0;
  #stopped = false;
  #acknowledged = 0;

  constructor(world: WholeWorld, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
    this.#workload = new Workload(random.fork('workload'), world.profile.streams);
  }

  /** Operations that have not ended. */
  get busy(): number {
    return this.#busy;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  start(): void {
    for (let i = 0; i < this.#world.profile.clients; i++) this.#next(FIRST_CLIENT + i, ++this.#names);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Appends something that always fits, and tells whether that was acknowledged. */
  async probe(): Promise<boolean> {
    const line = await this.#operate(FIRST_CLIENT - 1, ++this.#names, this.#workload.plain());
    return line.result === 'ok';
  }

  #next(client: number, name: number): void {
    this.#world.scheduler.after(this.#random.between(1, 2 * this.#world.profile.restMicros), () => {
      if (this.#stopped) return;
      this.#operate(client, name, this.#workload.next()).then(
        ({ ret }) => {
          // Whoever does not know how an operation ended is another client from now on.
          this.#next(client, ret === undefined ? ++this.#names : name);
        },
        (error: unknown) => {
          this.#world.violated(error);
        },
      );
    });
  }

  async #operate(client: number, name: number, intent: Intent): Promise<HistoryLine> {
    const asked = { client: name, call: this.#world.scheduler.now, ...askedOf(intent) };
    this.#busy++;
    const answer = intent.kind === 'read' ? await this.#read(client, intent) : await this.#append(client, intent);
    this.#busy--;
    const line = answer === null ? asked : { ...asked, ret: this.#world.scheduler.now, ...answer };
    this.lines.push(line);
    this.#world.trace.note(`${intent.kind} ${answer?.result ?? 'unknown'}`, name, asked.call, this.lines.length);
    if (this.#world.trace.verbose) this.#world.trace.line(`client ${JSON.stringify(line)}`);
    if (answer === null) {
      if (intent.kind !== 'read') this.#workload.mayRepeat(intent.parts);
    } else this.#learn(intent, answer);
    return line;
  }

  async #append(client: number, intent: Exclude<Intent, { kind: 'read' }>): Promise<Answer | null> {
    const append = this.#appendOf(intent);
    let machine = this.#choose();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const ask = (target: WholeMachine): Promise<Answer> =>
        callMember(this.#world, client, target, PATIENCE_MICROS, (pipeline, signal) =>
          appendAt(pipeline, append, intent.kind, signal),
        );
      const asking = [ask(machine)];
      // Some send twice at once, as a proxy or an impatient caller would.
      if (this.#random.chance(0.15)) asking.push(ask(this.#random.chance(0.7) ? machine : this.#choose()));
      const ends = asking.map((one) =>
        one.then(
          (answer) => ({ answer }),
          (error: unknown) => ({ error }),
        ),
      );
      for (const end of [await Promise.race(ends), ...(await Promise.all(ends))]) {
        if ('answer' in end) return end.answer;
        machine = this.#after(end.error, machine);
      }
      await this.#rest();
    }
    return null;
  }

  async #read(client: number, intent: Intent & { kind: 'read' }): Promise<Answer | null> {
    for (let attempt = 0; attempt < 2; attempt++) {
      const machine = this.#choose();
      try {
        const { maxDataBytes } = this.#world.profile;
        return await callMember(this.#world, client, machine, 2 * PATIENCE_MICROS, (pipeline, signal) =>
          readAt(pipeline, intent, maxDataBytes, signal),
        );
      } catch (error) {
        this.#after(error, machine);
        await this.#rest();
      }
    }
    return null;
  }

  /** Where to go on after an error that leaves the outcome open. Throws what no member may say. */
  #after(error: unknown, machine: WholeMachine): WholeMachine {
    if (error instanceof NoAnswer) return this.#choose();
    const harmless = ['CANCELLED', 'DEADLINE_EXCEEDED', 'STORAGE_IO'];
    if (!isStoreError(error) || !(error.retryable || harmless.includes(error.code))) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Violation('members answer as they may', `${machine.run} said ${text}`);
    }
    const endpoint = error.is('NOT_LEADER') ? error.details.endpoint : null;
    return (endpoint === null ? null : machineAt(this.#world, endpoint)) ?? this.#choose();
  }

  #choose(): WholeMachine {
    const machines = [...this.#world.machines.values()];
    const leaders = machines.filter((machine) => machine.leads);
    const chosen = this.#random.pick(this.#random.chance(0.5) && leaders.length > 0 ? leaders : machines);
    if (chosen === undefined) throw new Violation('machines', 'there are none');
    return chosen;
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#world.scheduler.after(this.#random.between(1_000, 100_000), resolve);
    });
  }

  #appendOf({ parts, condition }: Exclude<Intent, { kind: 'read' }>): Append {
    const { maxDataBytes } = this.#world.profile;
    const streams = parts.map(({ stream, ids, expected }) => ({
      streamId: stream,
      events: ids.map((id) => ({
        id,
        type: 'simulated',
        data: dataOf(id, maxDataBytes),
        contentType: 'application/octet-stream',
        metadata: new Uint8Array(0),
        tags: tagsOf(id),
      })),
      expectedVersion: versionOf(expected),
    }));
    if (condition === null) return { streams, condition };
    const query = { items: [{ types: [], tags: [condition.tag] }] };
    return { streams, condition: { query, afterPosition: condition.after } };
  }

  #learn(intent: Intent, { result, version, failed }: Answer): void {
    const { kind } = intent;
    if (kind === 'read') {
      if (typeof version !== 'number') return;
      if (intent.stream === null) this.#workload.sawPosition(version);
      else this.#workload.sawVersion(intent.stream, version);
    } else if (result === 'ok' || result === 'duplicate') {
      if (result === 'ok') this.#acknowledged++;
      const versions = Array.isArray(version) ? (version as readonly number[]) : [version as number];
      for (const [i, { stream }] of intent.parts.entries()) this.#workload.sawVersion(stream, versions[i] ?? 0);
      this.#workload.mayRepeat(intent.parts);
    } else if (result === 'wrong-version' && typeof version === 'number' && failed !== undefined) {
      this.#workload.sawVersion(failed, version);
    }
  }
}

function versionOf(expected: Expected): ExpectedVersion {
  return typeof expected === 'number' ? { kind: 'revision', revision: expected } : { kind: expected };
}

function askedOf(
  intent: Intent,
): Pick<HistoryLine, 'op' | 'stream' | 'expected' | 'ids' | 'condition' | 'consistency'> {
  if (intent.kind === 'read') return { op: 'read', stream: intent.stream, consistency: intent.consistency };
  const { kind, parts, condition } = intent;
  if (kind === 'append') {
    const [{ stream, expected, ids }] = parts;
    return { op: kind, stream, expected, ids };
  }
  const of = <K extends keyof Part>(key: K): Part[K][] => parts.map((part) => part[key]);
  const lists = { stream: of('stream'), expected: of('expected'), ids: of('ids') };
  return { op: kind, ...lists, ...(condition === null ? {} : { condition }) };
}

async function appendAt(
  pipeline: ComposedPipeline,
  append: Append,
  kind: 'append' | 'transaction',
  signal: AbortSignal,
): Promise<Answer> {
  let results: readonly AppendResult[];
  try {
    results = await pipeline.append(append, signal);
  } catch (error) {
    const refusal = isStoreError(error) ? refusalOf(error) : null;
    if (refusal === null) throw error;
    return refusal;
  }
  const result = results.some(({ duplicate }) => duplicate) ? 'duplicate' : 'ok';
  const versions = results.map(({ lastRevision }) => lastRevision);
  return { result, version: kind === 'append' ? (versions[0] ?? null) : versions };
}

function refusalOf(error: StoreError): Answer | null {
  if (error.is('WRONG_EXPECTED_VERSION')) {
    return { result: 'wrong-version', version: error.details.actualRevision, failed: error.details.streamId };
  }
  if (error.is('EVENT_ID_CONFLICT')) return { result: 'id-conflict' };
  if (error.is('APPEND_CONDITION_FAILED')) return { result: 'condition-failed', version: error.details.position };
  return null;
}

async function readAt(
  pipeline: ComposedPipeline,
  { stream, direction, from, consistency }: Intent & { kind: 'read' },
  maxDataBytes: number,
  signal: AbortSignal,
): Promise<Answer> {
  const fresh: ReadConsistency =
    typeof consistency === 'string' ? { kind: consistency } : { kind: 'at-least', position: consistency.atLeast };
  const [start, limit] = direction === 'forwards' ? [from, null] : [null, 7];
  const batches =
    stream === null
      ? pipeline.readAll(
          {
            direction,
            from: start === null ? null : { kind: 'position', position: start },
            limit,
            filter: null,
            consistency: fresh,
          },
          signal,
        )
      : pipeline.readStream({ streamId: stream, direction, fromRevision: start, limit, consistency: fresh }, signal);
  const events: RecordedEvent[] = [];
  try {
    for await (const batch of batches) events.push(...eventsOf(batch, maxDataBytes));
  } catch (error) {
    if (!isStoreError(error) || error.code !== 'STREAM_NOT_FOUND') throw error;
  }
  if (direction === 'backwards') events.reverse();
  const place = stream === null ? 'position' : 'revision';
  const [first, last] = [events[0], events.at(-1)];
  return { result: 'ok', ids: events.map(({ id }) => id), from: first?.[place] ?? 0, version: last?.[place] ?? null };
}

/** The events of a batch. Throws when one has other data or tags than were appended. */
export function eventsOf(batch: EventBatch, maxDataBytes: number): readonly RecordedEvent[] {
  const { events } = ReadResponse.decode(batch.wire);
  for (const { id, data, tags } of events) {
    if (Buffer.compare(data, dataOf(id, maxDataBytes)) === 0 && tags.join() === tagsOf(id).join()) continue;
    throw new Violation('events stay as they were', `${id} has other data or tags than were appended`);
  }
  return events;
}
