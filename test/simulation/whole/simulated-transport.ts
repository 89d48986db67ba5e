/**
 * The transport port over the simulated network, for one process of one machine.
 *
 * Messages are lost, repeated, reordered and late; calls (introductions, snapshots) lose their connection instead. A connection breaks
 * when the process behind it ends, also now and then when a message is lost, and is told of, mostly. A message is for
 * the member it names: another member at the address, or one of another cluster, does not get it. Invariant: code of a process runs
 * in an event of its machine, and only while it lives.
 */
import type { Introduction } from '../../../src/cluster/member.ts';
import type {
  Peer,
  SnapshotReceiver,
  SnapshotSource,
  Transport,
  TransportHandler,
} from '../../../src/cluster/transport.ts';
import type { Message } from '../../../src/raft/messages.ts';
import type { SeededRandom } from '../random.ts';
import type { WholeMachine } from './machine.ts';
import type { NodeProcess } from './node-process.ts';
import { machineAt, type WholeWorld } from './world.ts';

/** A transfer or call in which nothing moves for so long has lost its connection. */
const IDLE_MICROS = 400_000;

/** The end of a process that the network delivers to. */
export interface Listener {
  readonly handler: TransportHandler;
  readonly self: () => Introduction;
  readonly met: Set<number>;
}

export class SimulatedTransport implements Transport {
  listener: Listener | null = null;
  readonly #world: WholeWorld;
  readonly #machine: WholeMachine;
  readonly #process: NodeProcess;
  readonly #random: SeededRandom;
  /** The member that sends here. */
  #sender = 0;
  #addresses = new Map<number, string>();
  readonly #sending = new Set<number>();
  /** Members that a message went to since something was lost on the way to them, and the run of their machine then. */
  readonly #connected = new Map<number, string>();

  constructor(world: WholeWorld, machine: WholeMachine, process: NodeProcess) {
    this.#world = world;
    this.#machine = machine;
    this.#process = process;
    this.#random = machine.random;
  }

  start(handler: TransportHandler, self: () => Introduction): Promise<void> {
    this.listener = { handler, self, met: new Set() };
    this.#sender = self().member.id;
    return Promise.resolve();
  }

  setPeers(peers: readonly Peer[]): void {
    this.#addresses = new Map(peers.map(({ id, address }) => [id, address]));
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      const target = this.#targetOf(message.to);
      const sent =
        target !== null &&
        this.#world.wire.send(this.#machine.number, target.number, () => {
          this.#arrive(target, message);
        });
      if (sent) this.#connect(message.to, target);
      else if (this.#random.chance(0.3)) this.#tellUnreachable(message.to);
    }
  }

  sendSnapshot(message: Message, source: SnapshotSource, signal: AbortSignal): Promise<void> {
    if (this.#sending.has(message.to)) return Promise.reject(new Error('a snapshot is on its way already'));
    const target = this.#targetOf(message.to);
    if (target === null) return Promise.reject(new Error('nobody knows where the member is'));
    this.#sending.add(message.to);
    return this.#transfer(target, message, source, signal).finally(() => {
      this.#sending.delete(message.to);
    });
  }

  introduce(address: string, self: Introduction, signal: AbortSignal): Promise<Introduction> {
    return this.#call(address, signal, ({ handler }) => Promise.resolve(handler.introduce(self)));
  }

  join(address: string, self: Introduction, signal: AbortSignal): Promise<void> {
    return this.#call(address, signal, ({ handler }) => handler.join(self));
  }

  stop(): Promise<void> {
    this.listener = null;
    return Promise.resolve();
  }

  #targetOf(id: number): WholeMachine | null {
    const address = this.#addresses.get(id);
    return address === undefined ? null : machineAt(this.#world, address);
  }

  #arrive(target: WholeMachine, message: Message): void {
    this.#world.trace.note('message', message.from * 100 + message.to, message.type, message.term, message.index);
    const { process } = target;
    const listener = process?.transport.listener ?? null;
    if (process === null || listener === null) return;
    target.perform(process, () => {
      const theirs = listener.self();
      if (theirs.member.id !== message.to) return;
      const ours = this.#process.clusterId;
      if (ours !== null && theirs.clusterId !== null && ours !== theirs.clusterId) return;
      // Not whom the message is from: a question that is passed on keeps that.
      const sender = this.#sender;
      if (!listener.met.has(sender)) {
        listener.met.add(sender);
        listener.handler.connected({ id: sender, address: this.#machine.address });
      }
      this.#world.trace.note('delivered', message.to);
      listener.handler.receive(message);
    });
  }

  #tellUnreachable(id: number): void {
    this.#process.later(this.#random.between(1_000, 20_000), () => {
      this.listener?.handler.unreachable(id);
    });
    if (this.#connected.has(id) && this.#random.chance(0.2)) this.#disconnect(id);
  }

  #connect(id: number, target: WholeMachine): void {
    const { run } = target;
    if (!target.up || this.#connected.get(id) === run) return;
    this.#connected.set(id, run);
    this.#process.later(this.#random.between(100, 10_000), () => {
      this.listener?.handler.reached(id);
    });
    target.onEnd(() => {
      if (this.#connected.get(id) === run && this.#random.chance(0.8)) this.#disconnect(id);
    });
  }

  #disconnect(id: number): void {
    this.#connected.delete(id);
    this.#process.later(this.#random.between(100, 10_000), () => {
      this.#world.trace.note('disconnected', this.#machine.number, id);
      this.listener?.handler.disconnected(id);
    });
  }

  async #transfer(target: WholeMachine, message: Message, source: SnapshotSource, signal: AbortSignal): Promise<void> {
    const end = new ReceivingEnd(target);
    const step = <T>(work: (listener: Listener) => Promise<T>): Promise<T> => {
      return this.#call(target.address, signal, async (listener) => {
        if (listener.self().member.id !== message.to) throw new Error('another member is there');
        return end.guard(() => work(listener));
      });
    };
    let next = await step(async (listener) => {
      const receiver = await listener.handler.beginSnapshot(message);
      end.begin(receiver);
      return receiver.nextPosition;
    });
    this.#machine.note('snapshot begins', `to ${message.to} from ${next}`);
    for await (const chunk of source.chunksFrom(next)) {
      next = await step(() => end.receiver.take({ ...chunk, bytes: new Uint8Array(chunk.bytes) }));
    }
    await step(() => end.receiver.complete());
    end.over = true;
    this.#machine.note('snapshot ends', `to ${message.to} at ${next}`);
  }

  /** Runs `work` at the process that listens at the address, and brings back what came of it; rejects when nothing comes. */
  #call<T>(address: string, signal: AbortSignal, work: (listener: Listener) => Promise<T>): Promise<T> {
    const target = machineAt(this.#world, address);
    if (target === null) return Promise.reject(new Error(`nobody is at ${address}`));
    const { wire } = this.#world;
    return new Promise<T>((resolve, reject) => {
      if (!this.#process.alive()) return;
      const abort = (): void => {
        reject(signal.reason as Error);
      };
      if (signal.aborted) {
        abort();
        return;
      }
      signal.addEventListener('abort', abort, { once: true });
      const settle = (action: () => void): void => {
        wire.call(target.number, this.#machine.number, () => {
          this.#machine.perform(this.#process, () => {
            signal.removeEventListener('abort', abort);
            action();
          });
        });
      };
      this.#process.later(IDLE_MICROS, () => {
        signal.removeEventListener('abort', abort);
        reject(new Error('the connection is gone'));
      });
      wire.call(this.#machine.number, target.number, () => {
        const { process } = target;
        const listener = process?.transport.listener ?? null;
        if (process === null || listener === null) return;
        target.perform(process, () => {
          work(listener).then(
            (value) => {
              settle(() => {
                resolve(value);
              });
            },
            (error: unknown) => {
              settle(() => {
                reject(error instanceof Error ? error : new Error(String(error)));
              });
            },
          );
        });
      });
    });
  }
}

/** The receiver's side of one transfer: gives it up when nothing moves. */
class ReceivingEnd {
  over = false;
  #receiver: SnapshotReceiver | null = null;
  #moves = 0;
  readonly #machine: WholeMachine;

  constructor(machine: WholeMachine) {
    this.#machine = machine;
  }

  get receiver(): SnapshotReceiver {
    if (this.#receiver === null || this.over) throw new Error('the transfer is over');
    return this.#receiver;
  }

  begin(receiver: SnapshotReceiver): void {
    this.#receiver = receiver;
  }

  async guard<T>(work: () => Promise<T>): Promise<T> {
    const result = await work();
    const moves = ++this.#moves;
    const { process } = this.#machine;
    process?.later(2 * IDLE_MICROS, () => {
      if (this.over || this.#moves !== moves) return;
      this.over = true;
      this.#receiver?.abort('nothing came for too long');
    });
    return result;
  }
}
