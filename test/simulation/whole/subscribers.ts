/**
 * Subscribers: each follows a stream, or everything, at some member, goes elsewhere when that one ends or now and then, and goes on
 * behind the last event it got. What they get becomes part of the history.
 */
import { StoreError } from '../../../src/domain/errors.ts';
import type { SubscriptionStart, SubscriptionTarget } from '../../../src/pipeline/event-pipeline.ts';
import type { HistoryLine } from '../../chaos/checker/history.ts';
import type { SeededRandom } from '../random.ts';
import { eventsOf } from './clients.ts';
import type { WholeMachine } from './machine.ts';
import type { NodeProcess } from './node-process.ts';
import type { WholeWorld } from './world.ts';

export class Subscriber {
  /** Count of events of all that it has got, of the store or of its stream. */
  next = 0;
  readonly name: string;
  readonly stream: string | null;
  readonly #world: WholeWorld;
  readonly #random: SeededRandom;
  readonly #lines: HistoryLine[];

  constructor(name: string, stream: string | null, world: WholeWorld, random: SeededRandom, lines: HistoryLine[]) {
    this.name = name;
    this.stream = stream;
    this.#world = world;
    this.#random = random;
    this.#lines = lines;
  }

  /** Begins at some machine after a while, and again whenever that has ended. */
  start(): void {
    this.#world.scheduler.after(this.#random.between(1_000, 100_000), () => {
      const serving = [...this.#world.machines.values()].filter((one) => one.serving);
      const leaders = serving.filter(({ leads }) => leads);
      // Members that were removed stay where they are: whoever only met those would never come to the end.
      const machine = this.#random.pick(this.#random.chance(0.3) && leaders.length > 0 ? leaders : serving);
      const process = machine?.process ?? null;
      if (machine === undefined || process === null) {
        this.start();
        return;
      }
      this.#follow(machine, process);
    });
  }

  #follow(machine: WholeMachine, process: NodeProcess): void {
    machine.note('subscriber', `${this.name} from ${this.next}`);
    const over = new AbortController();
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      machine.note('subscriber leaves', `${this.name} at ${this.next}`);
      forget();
      this.start();
    };
    // A process that is gone says nothing any more; its connection tells the subscriber.
    const forget = machine.onEnd(end);
    this.#world.scheduler.after(this.#random.between(200_000, 2_000_000), () => {
      if (ended) return;
      machine.perform(process, () => {
        over.abort(new StoreError('CANCELLED', 'the subscriber goes elsewhere', { reason: 'gone' }));
      });
    });
    machine.perform(process, () => {
      this.#consume(process, over.signal, () => !ended).then(end, (error: unknown) => {
        if (error instanceof StoreError) end();
        else this.#world.violated(error);
      });
    });
  }

  async #consume(process: NodeProcess, signal: AbortSignal, current: () => boolean): Promise<void> {
    const { pipeline } = process;
    if (pipeline === null) return;
    for await (const message of pipeline.subscribe(this.#target(), signal)) {
      if (!current()) return;
      if (message.kind !== 'events') continue;
      const events = eventsOf(message.batch, this.#world.profile.maxDataBytes);
      const [first] = events;
      const from = (this.stream === null ? first?.position : first?.revision) ?? 0;
      const ids = events.map(({ id }) => id);
      const { now } = this.#world.scheduler;
      this.#lines.push({ client: this.name, call: now, ret: now, op: 'deliver', stream: this.stream, from, ids });
      this.#world.trace.note('deliver', from, ids.length, now);
      this.next = from + ids.length;
      // A slow one falls behind now and then.
      if (this.#random.chance(0.2)) {
        await new Promise<void>((resolve) => {
          process.later(this.#random.between(100, 50_000), resolve);
        });
      }
    }
  }

  #target(): SubscriptionTarget {
    const start: SubscriptionStart = this.next === 0 ? { kind: 'beginning' } : { kind: 'after', value: this.next - 1 };
    return this.stream === null
      ? { kind: 'all', filter: null, start }
      : { kind: 'stream', streamId: this.stream, start };
  }
}
