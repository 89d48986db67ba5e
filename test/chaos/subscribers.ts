/**
 * Subscriptions that stay from the beginning to the end of a run, through everything, and record each batch they get.
 */
import { GraveyarClient } from '../../src/client/index.ts';
import type { SubscriptionTarget } from '../../src/client/index.ts';
import type { Recorder } from './recorder.ts';
import { pause } from './within.ts';

/** One subscription, to the whole store (`stream` null) or to one stream. */
export class Subscriber {
  readonly name: string;
  readonly #client: GraveyarClient;
  readonly #stream: string | null;
  readonly #recorder: Recorder;
  readonly #ended = new AbortController();
  #next = 0;
  /** Rejects when the subscription failed; resolves after {@link stop}. */
  readonly done: Promise<void>;

  constructor(name: string, addresses: readonly string[], stream: string | null, recorder: Recorder) {
    this.name = name;
    this.#client = new GraveyarClient(addresses);
    this.#stream = stream;
    this.#recorder = recorder;
    this.done = this.#run();
    // It is awaited in the end; until then nobody may be listening.
    this.done.catch(() => undefined);
  }

  /** Waits until everything before a revision (or position) has come. Throws when that takes too long. */
  async reach(end: number, millis: number): Promise<void> {
    const deadline = performance.now() + millis;
    while (this.#next < end) {
      if (performance.now() > deadline) throw new Error(`${this.name} is at ${this.#next}, and the store at ${end}`);
      await Promise.race([pause(20), this.done]);
    }
  }

  async stop(): Promise<void> {
    this.#ended.abort(new Error('the run is over'));
    await this.done;
    this.#client.close();
  }

  async #run(): Promise<void> {
    const call = this.#recorder.now();
    const target: SubscriptionTarget = this.#stream === null ? {} : { stream: this.#stream };
    const { signal } = this.#ended;
    try {
      for await (const message of this.#client.subscribe(target, { signal }).messages()) {
        if (message.kind !== 'events') continue;
        const [first] = message.events;
        const from = (this.#stream === null ? first?.position : first?.revision) ?? 0;
        const ids = message.events.map(({ id }) => id);
        const what = {
          client: this.name,
          call,
          ret: this.#recorder.now(),
          op: 'deliver',
          stream: this.#stream,
        } as const;
        this.#recorder.add({ ...what, from, ids });
        this.#next = from + ids.length;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
