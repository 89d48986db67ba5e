/**
 * Events: what the operator does, told to people in `kubectl describe` and `kubectl get events` (core/v1).
 *
 * Best effort, and never in the way: calls return at once, what cannot be written is dropped. A repeated event is counted on the object that
 * is there instead of being made anew, and written at most every `repeatMillis`; an object that says too much is cut short. Bounded: in
 * what waits and in what is remembered.
 */
import type { Clock } from '../../src/lib/clock.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { isApiError } from './api-error.ts';
import { namespacedKind } from './kind.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { time } from './micro-time.ts';
import type { KubernetesObject } from './object.ts';

/** What is told. */
export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** One word. */
  readonly reason: string;
  readonly message: string;
}

/** An Event, as far as it is written. */
export interface EventObject extends KubernetesObject {
  readonly involvedObject?: unknown;
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly firstTimestamp?: string;
  readonly lastTimestamp?: string;
  readonly source?: { readonly component: string };
  readonly reportingComponent?: string;
  readonly reportingInstance?: string;
}

export const eventKind = namespacedKind<EventObject>('v1', 'Event', 'events');

export interface EventRecorderOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who says it, for example `graveyar-db-operator`. */
  readonly component: string;
  /** Which of them, for example the name of its pod. */
  readonly instance: string;
  /** How often the count of a repeated event is written. Default 60 s. */
  readonly repeatMillis?: number;
}

/** What is known of an event that was written. */
interface Recorded {
  readonly name: string;
  readonly namespace: string;
  count: number;
  /** When it was written last, and whether it was counted since. */
  writtenAt: number;
}

const MOST_WAITING = 100;
const MOST_REMEMBERED = 1000;
/** After an hour the API server has forgotten an event. */
const FORGET_MILLIS = 50 * 60_000;
/** As client-go: 25 at once, and one more in five minutes, for each object. */
const BURST = 25;
const REFILL_MILLIS = 5 * 60_000;
const LONGEST_MESSAGE = 1024;

/** Writes Events, one at a time. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #recorded = new Map<string, Recorded>();
  readonly #allowances = new Map<string, { tokens: number; since: number }>();
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #ended: AbortSignal;
  #writing: Promise<void> | null = null;
  #names = 0;

  /** `ended`: writes nothing any more once it is aborted. */
  constructor(options: EventRecorderOptions, ended: AbortSignal) {
    this.#options = options;
    this.#ended = ended;
  }

  /** Tells something of an object that the API server has given. */
  record(about: KubernetesObject, text: EventText): void {
    const { clock } = this.#options;
    const { uid = '', namespace = 'default' } = about.metadata ?? {};
    const message =
      text.message.length <= LONGEST_MESSAGE ? text.message : `${text.message.slice(0, LONGEST_MESSAGE - 1)}…`;
    const key = JSON.stringify([uid, text.type, text.reason, message]);
    const now = clock.monotonicMillis();
    const before = this.#recorded.get(key);
    if (before !== undefined && now - before.writtenAt < FORGET_MILLIS) {
      before.count++;
      if (now - before.writtenAt < (this.#options.repeatMillis ?? 60_000)) return;
      before.writtenAt = now;
      this.#enqueue(() => this.#repeat(key, before));
      return;
    }
    if (!this.#isAllowed(uid, now)) return;
    const name = this.#nameFor(about);
    this.#remember(key, { name, namespace, count: 1, writtenAt: now });
    this.#enqueue(() => this.#create(about, name, { ...text, message }));
  }

  /** Resolves when everything that was told so far is written or dropped. */
  async flushed(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  #enqueue(write: () => Promise<void>): void {
    if (this.#waiting.length >= MOST_WAITING || this.#ended.aborted) return;
    this.#waiting.push(write);
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = null;
    });
  }

  async #drain(): Promise<void> {
    for (;;) {
      const write = this.#waiting.shift();
      if (write === undefined || this.#ended.aborted) return;
      try {
        await write();
      } catch (error) {
        // An event in a namespace that is being deleted, or without the right to: nobody's work depends on it.
        this.#options.logger.debug('an event was not written', { error });
      }
    }
  }

  async #create(about: KubernetesObject, name: string, text: EventText): Promise<void> {
    const { api, clock, component, instance } = this.#options;
    const { apiVersion, kind, metadata = {} } = about;
    const { name: aboutName = '', namespace = 'default', uid, resourceVersion } = metadata;
    const now = time(clock.nowMicros());
    const event: EventObject = {
      metadata: { name, namespace },
      involvedObject: { apiVersion, kind, name: aboutName, namespace, uid, resourceVersion },
      ...text,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component },
      reportingComponent: component,
      reportingInstance: instance.slice(0, 128),
    };
    await api.create(eventKind, event, { signal: this.#ended });
  }

  async #repeat(key: string, { name, namespace, count }: Recorded): Promise<void> {
    const { api, clock } = this.#options;
    const patch = { count, lastTimestamp: time(clock.nowMicros()) };
    try {
      await api.patch(eventKind, { namespace, name }, patch, { signal: this.#ended, type: 'merge' });
    } catch (error) {
      // It is written anew when it comes again.
      if (isApiError(error, 'NOT_FOUND')) this.#recorded.delete(key);
      throw error;
    }
  }

  #isAllowed(uid: string, now: number): boolean {
    const allowance = this.#allowances.get(uid) ?? { tokens: BURST, since: now };
    this.#allowances.delete(uid);
    this.#allowances.set(uid, allowance);
    const refill = Math.floor((now - allowance.since) / REFILL_MILLIS);
    allowance.tokens = Math.min(BURST, allowance.tokens + refill);
    allowance.since += refill * REFILL_MILLIS;
    forgetOldest(this.#allowances, MOST_REMEMBERED);
    if (allowance.tokens === 0) return false;
    allowance.tokens--;
    return true;
  }

  #remember(key: string, recorded: Recorded): void {
    this.#recorded.delete(key);
    this.#recorded.set(key, recorded);
    forgetOldest(this.#recorded, MOST_REMEMBERED);
  }

  /** As client-go names them: the object and a time, here with a number, so that no two are the same. */
  #nameFor(about: KubernetesObject): string {
    const micros = this.#options.clock.nowMicros();
    return `${about.metadata?.name ?? 'object'}.${Math.floor(micros).toString(16)}${(this.#names++ % 4096).toString(16)}`;
  }
}

function forgetOldest(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
