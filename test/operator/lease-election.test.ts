// Leader election by a Lease: never two at a time by anybody's clock, and hand-over that needs no waiting when it can be avoided.
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../operator/kubernetes/api-error.ts';
import { LeaseElection, LeaseLost } from '../../operator/kubernetes/lease-election.ts';
import type { Lease } from '../../operator/kubernetes/lease-election.ts';
import { microTime, time } from '../../operator/kubernetes/micro-time.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ScriptedApi, turn } from '../support/operator/scripted-api.ts';

const LEASE = { namespace: 'ns', name: 'operator' };

class Candidate {
  readonly clock: ManualClock;
  readonly election: LeaseElection;
  readonly stop = new AbortController();
  acquired = false;
  lost: unknown = null;

  constructor(api: ScriptedApi, identity: string, clock = new ManualClock()) {
    this.clock = clock;
    this.election = new LeaseElection({
      api,
      clock,
      random: () => 0,
      logger: silentLogger,
      lease: LEASE,
      identity,
      durationMillis: 15_000,
      renewDeadlineMillis: 10_000,
      retryMillis: 2_000,
    });
  }

  async begin(): Promise<void> {
    this.election
      .acquire(this.stop.signal)
      .then(() => {
        this.acquired = true;
        return this.election.keep(this.stop.signal);
      })
      .catch((error: unknown) => {
        this.lost = error;
      });
    await turn();
  }

  /** Time passes in steps, so that each timer's work is done when the next is due. */
  async pass(millis: number): Promise<void> {
    for (let passed = 0; passed < millis; passed += 500) {
      this.clock.advance(500);
      await turn();
    }
  }

  end(): void {
    this.stop.abort(new Error('the test is over'));
  }
}

function leaseOf(api: ScriptedApi): Lease {
  return api.objects.get('ns/operator') as Lease;
}

describe('a lease', () => {
  it('is made by the first candidate and renewed every two seconds', async () => {
    const api = new ScriptedApi();
    const first = new Candidate(api, 'first');
    await first.begin();
    expect(first.acquired).toBe(true);
    expect(leaseOf(api).spec).toMatchObject({ holderIdentity: 'first', leaseDurationSeconds: 15, leaseTransitions: 0 });
    expect(leaseOf(api).spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const renewed = leaseOf(api).spec?.renewTime;
    await first.pass(60_000);
    expect(first.lost).toBeNull();
    expect(first.election.isHeld).toBe(true);
    expect(leaseOf(api).spec?.renewTime).not.toBe(renewed);
    expect(api.calls.filter((call) => call === 'replace')).toHaveLength(30);
    first.end();
  });

  it('is not taken from a holder that renews it, whatever its clock says', async () => {
    const api = new ScriptedApi();
    const clock = new ManualClock();
    const first = new Candidate(api, 'first', clock);
    await first.begin();
    const second = new Candidate(api, 'second', clock);
    // An hour ahead: by its wall clock, every renewal is long over.
    clock.micros += 3_600_000_000;
    await second.begin();
    await second.pass(120_000);
    expect([first.acquired, second.acquired, first.lost]).toEqual([true, false, null]);
    expect(second.election.holder).toBe('first');
    first.end();
    second.end();
  });

  it('is taken when it was seen unchanged for its duration, and not before', async () => {
    const api = new ScriptedApi();
    const first = new Candidate(api, 'first');
    await first.begin();
    first.end();
    const second = new Candidate(api, 'second');
    await second.begin();
    await second.pass(15_000);
    expect(second.acquired).toBe(false);
    await second.pass(2_500);
    expect(second.acquired).toBe(true);
    expect(leaseOf(api).spec).toMatchObject({ holderIdentity: 'second', leaseTransitions: 1 });
    second.end();
  });

  it('is taken at once when it was released', async () => {
    const api = new ScriptedApi();
    const first = new Candidate(api, 'first');
    await first.begin();
    first.end();
    await first.election.release(AbortSignal.timeout(1000));
    expect(first.election.isHeld).toBe(false);
    expect(leaseOf(api).spec?.holderIdentity).toBe('');
    const second = new Candidate(api, 'second');
    await second.begin();
    expect(second.acquired).toBe(true);
    second.end();
  });

  it('is released though the last renewal was broken off after it took effect', async () => {
    const api = new ScriptedApi();
    const first = new Candidate(api, 'first');
    await first.begin();
    first.end();
    const { metadata, ...rest } = leaseOf(api);
    api.objects.set('ns/operator', { ...rest, metadata: { ...metadata, resourceVersion: '999' } });
    await first.election.release(AbortSignal.timeout(1000));
    expect(leaseOf(api).spec?.holderIdentity).toBe('');
  });

  it('is lost before anybody else may take it when the API server cannot be reached', async () => {
    const api = new ScriptedApi();
    const first = new Candidate(api, 'first');
    await first.begin();
    api.failure = new ApiError('UNAVAILABLE', 'connection refused');
    await first.pass(9_500);
    expect(first.election.isHeld).toBe(true);
    await first.pass(1_000);
    expect(first.election.isHeld).toBe(false);
    expect(() => {
      first.election.assertHeld();
    }).toThrow(LeaseLost);
    await first.pass(2_000);
    expect(first.lost).toBeInstanceOf(LeaseLost);
  });

  it('is not held any more by a process that stood still, from its first moment on', async () => {
    const api = new ScriptedApi();
    const first = new Candidate(api, 'first');
    await first.begin();
    // Nothing of it runs meanwhile: no timer, no renewal.
    const held = first.election;
    const micros = first.clock.micros;
    first.clock.jump(60_000);
    expect(first.clock.micros).toBeGreaterThan(micros);
    expect(held.isHeld).toBe(false);
    await turn();
    expect(first.lost).toBeInstanceOf(LeaseLost);
  });

  it('is lost when somebody else has it', async () => {
    const api = new ScriptedApi();
    const first = new Candidate(api, 'first');
    await first.begin();
    const { metadata, spec } = leaseOf(api);
    api.objects.set('ns/operator', {
      metadata: { ...metadata, resourceVersion: '999' },
      spec: { ...spec, holderIdentity: 'thief' },
    });
    await first.pass(2_500);
    expect(first.lost).toBeInstanceOf(LeaseLost);
    expect(leaseOf(api).spec?.holderIdentity).toBe('thief');
  });

  it('is kept when only the answer to a renewal was lost', async () => {
    const api = new ScriptedApi();
    const first = new Candidate(api, 'first');
    await first.begin();
    api.loseAnswer = true;
    await first.pass(30_000);
    expect([first.lost, first.election.isHeld]).toEqual([null, true]);
    first.end();
  });

  it('is held when only the answer to its making was lost', async () => {
    const api = new ScriptedApi();
    const first = new Candidate(api, 'first');
    api.loseAnswer = true;
    // The read before is answered; the write is not.
    const lose = api.get.bind(api);
    api.get = (...args) => {
      api.loseAnswer = false;
      const answer = lose(...args);
      api.get = lose;
      return answer.catch((error: unknown) => {
        api.loseAnswer = true;
        throw error;
      });
    };
    await first.begin();
    await first.pass(2_500);
    expect(first.acquired).toBe(true);
    first.end();
  });

  it('refuses settings that could let two work at a time', () => {
    const options = { api: new ScriptedApi(), clock: new ManualClock(), random: Math.random, logger: silentLogger };
    const times = { durationMillis: 10_000, renewDeadlineMillis: 10_000, retryMillis: 2_000 };
    expect(() => new LeaseElection({ ...options, lease: LEASE, identity: 'x', ...times })).toThrow(RangeError);
  });
});

describe('times', () => {
  it('are written as the API takes them', () => {
    expect(microTime(1_700_000_000_000_007)).toBe('2023-11-14T22:13:20.000007Z');
    expect(time(1_700_000_000_999_999)).toBe('2023-11-14T22:13:20Z');
  });
});
