/**
 * The clients of a simulated cluster: they propose entries and ask for linearizable reads, at leaders and elsewhere.
 *
 * Must not know how a node serves them; whether a read was current is the history's to judge.
 */
import type { Cluster } from './cluster.ts';
import type { Machine } from './machine.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

export class Clients {
  readonly #world: World;
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  #requests = 0;
  #stopped = false;

  constructor(world: World, cluster: Cluster, random: SeededRandom) {
    this.#world = world;
    this.#cluster = cluster;
    this.#random = random;
  }

  start(): void {
    this.#world.scheduler.after(this.#random.between(1, 2 * this.#world.profile.clientMicros), () => {
      if (this.#stopped) return;
      this.#request();
      this.start();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Proposes one small entry at a machine. Whether it was taken. */
  proposeAt(machine: Machine): boolean {
    const result = machine.process?.driver?.propose([this.#payload(8)]);
    return result?.ok === true;
  }

  #request(): void {
    const random = this.#random;
    const machine = random.pick(random.chance(0.7) ? this.#cluster.leaders : this.#cluster.serving);
    const driver = machine?.process?.driver;
    if (machine === undefined || driver == null) return;
    const count = random.pick([1, 1, 1, 2, 5]) ?? 1;
    if (random.chance(0.25)) {
      const key = `${machine.run}/${++this.#requests}`;
      this.#world.history.readBegins(key);
      driver.readIndex(new TextEncoder().encode(key));
      this.#world.trace.note('readIndex', machine.id);
      return;
    }
    const payloads: Uint8Array[] = [];
    for (let i = 0; i < count; i++)
      payloads.push(this.#payload(random.between(1, this.#world.profile.maxPayloadBytes)));
    const result = driver.propose(payloads);
    this.#world.trace.note('propose', machine.id, count, result?.ok === true ? 1 : 0);
  }

  #payload(bytes: number): Uint8Array {
    const payload = new Uint8Array(Math.max(bytes, 4));
    new DataView(payload.buffer).setUint32(0, ++this.#requests);
    if (bytes > 8) payload[bytes - 1] = this.#random.below(256);
    return payload;
  }
}
