/**
 * The simulated network: loss, duplication, delay, reordering, messages that come long after, and links that are cut, in
 * one direction or both.
 *
 * Invariant: a message is delivered as it was sent or not at all. Must not know what a node does with it.
 */
import { type Message, messageTypeName, MessageType } from '../../src/raft/messages.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

/** How bad the network is. Probabilities per message; times in microseconds. */
export interface NetworkBehaviour {
  loss: number;
  duplication: number;
  /** Held back for up to `stragglerMicros`: comes from another time, often from a process that has ended since. */
  straggler: number;
  stragglerMicros: number;
  minDelay: number;
  maxDelay: number;
}

/** What the network tells its users. */
export interface NetworkUsers {
  deliver(message: Message): void;
  /** The transport of `message.from` knows that the message did not arrive (or, for a snapshot, that it did). */
  outcome(message: Message, arrived: boolean): void;
}

export class Network {
  behaviour: NetworkBehaviour;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #trace: Trace;
  readonly #users: NetworkUsers;
  readonly #cut = new Set<number>();

  constructor(
    behaviour: NetworkBehaviour,
    scheduler: Scheduler,
    random: SeededRandom,
    trace: Trace,
    users: NetworkUsers,
  ) {
    this.behaviour = behaviour;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#trace = trace;
    this.#users = users;
  }

  /** Takes a message on its way, or loses it. */
  send(message: Message): void {
    const { loss, duplication, straggler, stragglerMicros, minDelay, maxDelay } = this.behaviour;
    const random = this.#random;
    const lost = random.chance(loss) || this.isCut(message.from, message.to);
    if (lost) {
      this.#note('lost', message);
      if (message.type === MessageType.MsgSnap || random.chance(0.3)) this.#tell(message, false);
      return;
    }
    const late = random.chance(straggler);
    this.#arriveAfter(message, late ? random.between(maxDelay, stragglerMicros) : random.between(minDelay, maxDelay));
    if (random.chance(duplication)) this.#arriveAfter(message, random.between(minDelay, 4 * maxDelay));
  }

  /** Cuts the link in one direction. */
  cut(from: number, to: number): void {
    this.#cut.add(linkKey(from, to));
  }

  /** Mends all links. */
  mend(): void {
    this.#cut.clear();
  }

  isCut(from: number, to: number): boolean {
    return this.#cut.size > 0 && this.#cut.has(linkKey(from, to));
  }

  #arriveAfter(message: Message, delay: number): void {
    this.#scheduler.after(delay, () => {
      // A link that has been cut meanwhile lets nothing through, however long ago it was sent.
      const arrives = !this.isCut(message.from, message.to);
      this.#note(arrives ? 'arrives' : 'lost', message);
      if (message.type === MessageType.MsgSnap) this.#tell(message, arrives);
      if (arrives) this.#users.deliver(message);
    });
  }

  #tell(message: Message, arrived: boolean): void {
    this.#scheduler.after(this.#random.between(1_000, 20_000), () => this.#users.outcome(message, arrived));
  }

  #note(what: 'lost' | 'arrives', message: Message): void {
    this.#trace.note(what, message.from * 1000 + message.to, message.type, message.term, message.index);
    if (this.#trace.verbose) this.#trace.line(`${clock(this.#scheduler)} ${describeMessage(message)} ${what}`);
  }
}

function linkKey(from: number, to: number): number {
  return from * 4096 + to;
}

/** The virtual time and the number of the event, for a line of the trace. */
export function clock(scheduler: Scheduler): string {
  return `#${scheduler.events} ${(scheduler.now / 1000).toFixed(3)}ms`;
}

/** A message in a few words. */
export function describeMessage(message: Message): string {
  const { type, from, to, term, index, logTerm, commit, entries, reject, rejectHint, snapshot } = message;
  const range = entries.length === 0 ? '' : ` entries ${entries[0]?.index ?? 0}..${entries.at(-1)?.index ?? 0}`;
  const rejected = reject ? ` REJECTED hint ${rejectHint}` : '';
  const carried = snapshot === null ? '' : ` snapshot ${snapshot.index}/${snapshot.term}`;
  const place = `term ${term} at ${index}/${logTerm} commit ${commit}`;
  return `${from}->${to} ${messageTypeName(type)} ${place}${range}${carried}${rejected}`;
}
