/**
 * At most one operator at work: a Lease (coordination.k8s.io/v1) that its holder renews and others take over when it was not renewed
 * for its duration.
 *
 * Invariants: no clock of another machine is trusted. A Lease has expired when this process has seen it unchanged for the duration that it
 * names, by its own monotonic clock. A holder counts from the moment at which it sent the renewal that succeeded last, and is over after
 * `renewDeadlineMillis`, which is less than the duration: so it stops before another can begin. Every write carries the resourceVersion that was
 * read, so that two cannot take the same Lease. After a loss `run` rejects and the process has to end: what it had begun must not go on.
 */
import type { Clock } from '../../src/lib/clock.ts';
import { delay } from '../../src/lib/clock.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { isApiError } from './api-error.ts';
import { namespacedKind } from './kind.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { microTime } from './micro-time.ts';
import type { KubernetesObject, ObjectRef } from './object.ts';

/** A Lease, as far as it is used. */
export interface Lease extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export const leaseKind = namespacedKind<Lease>('coordination.k8s.io/v1', 'Lease', 'leases');

export interface LeaseElectionOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly lease: ObjectRef;
  /** Unlike that of every other process. */
  readonly identity: string;
  /** Whole seconds; more than `renewDeadlineMillis`. */
  readonly durationMillis: number;
  /** More than `retryMillis`. */
  readonly renewDeadlineMillis: number;
  readonly retryMillis: number;
}

/** The Lease was not renewed in time, or somebody else has it. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** One candidate. */
export class LeaseElection {
  readonly #options: LeaseElectionOptions;
  /** What was read last, and since when it has been like that, by the own clock. */
  #seen: { readonly version: string; readonly lease: Lease; readonly since: number } | null = null;
  #heldUntil = -Infinity;

  constructor(options: LeaseElectionOptions) {
    if (options.renewDeadlineMillis >= options.durationMillis || options.retryMillis >= options.renewDeadlineMillis) {
      throw new RangeError('a lease needs retry < renew deadline < duration');
    }
    this.#options = options;
  }

  /** Whether the Lease is certainly held at this moment, also after this process stood still. */
  get isHeld(): boolean {
    return this.#now() < this.#heldUntil;
  }

  /** Throws {@link LeaseLost} unless it {@link isHeld}. To be called before everything that changes something. */
  assertHeld(): void {
    if (!this.isHeld) throw new LeaseLost('the lease is not held');
  }

  /** Who holds it, as far as is known; null: nobody. */
  get holder(): string | null {
    const holder = this.#seen?.lease.spec?.holderIdentity ?? '';
    return holder === '' ? null : holder;
  }

  /** Resolves when the Lease is held. Rejects with the signal's reason only. */
  async acquire(signal: AbortSignal): Promise<void> {
    const { retryMillis, random, clock, logger, lease } = this.#options;
    let told: string | null = null;
    for (let failures = 0; ;) {
      signal.throwIfAborted();
      try {
        if (await this.#try(signal)) return;
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        failures++;
        if (failures === 3) logger.warn('cannot reach the lease', { lease: lease.name, error });
      }
      if (this.holder !== null && this.holder !== told) {
        told = this.holder;
        logger.info('another operator is at work; this one waits', { holder: told });
      }
      await delay(clock, retryMillis * (1 + 0.2 * random()), signal);
    }
  }

  /** Renews the Lease until the signal is aborted, then resolves. Rejects with {@link LeaseLost}. */
  async keep(signal: AbortSignal): Promise<void> {
    const { retryMillis, clock, logger } = this.#options;
    const isOver = (): boolean => signal.aborted;
    while (!isOver()) {
      await delay(clock, Math.max(0, Math.min(retryMillis, this.#heldUntil - this.#now())), signal).catch(
        () => undefined,
      );
      if (isOver()) return;
      this.#assertNotOver();
      try {
        if (!(await this.#try(signal))) throw new LeaseLost(`the lease was taken by ${this.holder ?? 'nobody'}`);
      } catch (error) {
        if (error instanceof LeaseLost) {
          this.#heldUntil = -Infinity;
          throw error;
        }
        if (isOver()) return;
        logger.warn('cannot renew the lease', { error });
      }
    }
  }

  /** Gives the Lease away, so that another need not wait. Best effort: whoever waits takes it anyway in time. */
  async release(signal: AbortSignal): Promise<void> {
    const { lease, identity, logger } = this.#options;
    this.#heldUntil = -Infinity;
    if (this.#seen?.lease.spec?.holderIdentity !== identity) return;
    try {
      await this.#giveAway(this.#seen.lease, signal).catch(async (error: unknown) => {
        // A renewal that was broken off may have taken effect.
        if (!isApiError(error, 'CONFLICT')) throw error;
        const current = await this.#options.api.get(leaseKind, lease, { signal, deadlineMillis: 2_000 });
        if (current.spec?.holderIdentity === identity) await this.#giveAway(current, signal);
      });
    } catch (error) {
      logger.warn('the lease was not released; the next operator waits until it expires', { lease: lease.name, error });
    }
  }

  async #giveAway(current: Lease, signal: AbortSignal): Promise<void> {
    const { api, clock } = this.#options;
    const renewTime = microTime(clock.nowMicros());
    const spec = { ...current.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime };
    await api.replace(leaseKind, { ...current, spec }, { signal, deadlineMillis: 2_000 });
  }

  #assertNotOver(): void {
    if (!this.isHeld) throw new LeaseLost('the lease was not renewed in time');
  }

  /** True when it is held now. */
  async #try(signal: AbortSignal): Promise<boolean> {
    const { api, lease, renewDeadlineMillis, retryMillis, identity } = this.#options;
    // A call that takes longer is worth less than the next one.
    const limits = { signal, deadlineMillis: Math.max(retryMillis, Math.floor(renewDeadlineMillis / 3)) };
    const started = this.#now();
    try {
      const written =
        this.#seen?.lease.spec?.holderIdentity === identity
          ? // Nobody else writes a Lease that is held: the version that was written last is mostly still the one.
            await api.replace(leaseKind, this.#taken(this.#seen.lease), limits)
          : await this.#take(limits);
      if (written === null) return false;
      this.#see(written);
      this.#heldUntil = started + renewDeadlineMillis;
      return true;
    } catch (error) {
      // Somebody was faster, or it is a repetition of a write whose answer was lost: look again.
      if (!isApiError(error, 'CONFLICT', 'ALREADY_EXISTS', 'NOT_FOUND')) throw error;
      return this.#lookAgain(lease, started, limits);
    }
  }

  async #lookAgain(
    lease: ObjectRef,
    started: number,
    limits: { readonly signal: AbortSignal; readonly deadlineMillis: number },
  ): Promise<boolean> {
    const { api, identity, renewDeadlineMillis } = this.#options;
    let current: Lease;
    try {
      current = await api.get(leaseKind, lease, limits);
    } catch (error) {
      if (!isApiError(error, 'NOT_FOUND')) throw error;
      this.#seen = null;
      return false;
    }
    this.#see(current);
    if (current.spec?.holderIdentity !== identity) return false;
    const written = await api.replace(leaseKind, this.#taken(current), limits);
    this.#see(written);
    this.#heldUntil = started + renewDeadlineMillis;
    return true;
  }

  /** Takes it if nobody has it or it has expired; null otherwise. */
  async #take(limits: { readonly signal: AbortSignal; readonly deadlineMillis: number }): Promise<Lease | null> {
    const { api, lease, clock, identity } = this.#options;
    let current: Lease;
    try {
      current = await api.get(leaseKind, lease, limits);
    } catch (error) {
      if (!isApiError(error, 'NOT_FOUND')) throw error;
      const metadata = { name: lease.name, namespace: lease.namespace ?? 'default' };
      const spec = { ...this.#claim(clock), leaseTransitions: 0 };
      return api.create(leaseKind, { metadata, spec }, limits);
    }
    this.#see(current);
    const { holderIdentity = '', leaseDurationSeconds = 0 } = current.spec ?? {};
    const unchangedFor = this.#now() - (this.#seen?.since ?? this.#now());
    // It is its own when the answer to the write that took it was lost.
    const isFree = holderIdentity === '' || holderIdentity === identity;
    if (!isFree && unchangedFor <= leaseDurationSeconds * 1000) return null;
    return api.replace(leaseKind, this.#taken(current), limits);
  }

  #taken(current: Lease): Lease {
    const { identity, clock } = this.#options;
    const { spec = {} } = current;
    const claim = this.#claim(clock);
    if (spec.holderIdentity === identity)
      return { ...current, spec: { ...spec, ...claim, acquireTime: spec.acquireTime ?? claim.acquireTime } };
    return { ...current, spec: { ...spec, ...claim, leaseTransitions: (spec.leaseTransitions ?? 0) + 1 } };
  }

  #claim(clock: Clock): {
    holderIdentity: string;
    leaseDurationSeconds: number;
    acquireTime: string;
    renewTime: string;
  } {
    const { identity, durationMillis } = this.#options;
    const now = microTime(clock.nowMicros());
    const leaseDurationSeconds = Math.ceil(durationMillis / 1000);
    return { holderIdentity: identity, leaseDurationSeconds, acquireTime: now, renewTime: now };
  }

  #see(lease: Lease): void {
    const version = lease.metadata?.resourceVersion ?? '';
    const since = this.#seen?.version === version ? this.#seen.since : this.#now();
    this.#seen = { version, lease, since };
  }

  #now(): number {
    return this.#options.clock.monotonicMillis();
  }
}
