// The label of the leader on its pod, against a server of the pod API that fails on demand.
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LeaderLabel } from '../../src/cli/serve/kubernetes/leader-label.ts';
import { PodApi } from '../../src/cli/serve/kubernetes/pod-api.ts';
import type { ClusterAdmin, ClusterStatus } from '../../src/cluster/cluster-admin.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { eventually } from '../support/eventually.ts';
import { PodApiServer } from '../support/pod-api-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { TemporaryDirectory } from '../support/temporary-directory.ts';

const OURS = { 'graveyar.dev/cluster': 'foo' };
const LEADER = { 'graveyar.dev/role': 'leader' };
/** Everything of a label waits a tenth of what it would. */
const hurried: Clock = { ...systemClock, setTimer: (millis, callback) => systemClock.setTimer(millis / 10, callback) };

let directory: TemporaryDirectory;
let api: PodApiServer;
let server: { readonly host: string; readonly port: string };
const labels: LeaderLabel[] = [];

beforeEach(async () => {
  directory = await temporaryDirectory();
  api = new PodApiServer(join(directory.path, 'credentials'));
  server = await api.start();
});

afterEach(async () => {
  api.mood = 'answers';
  await Promise.all(labels.splice(0).map((label) => label.stop()));
  await api.stop();
  await directory.remove();
});

/** A member that leads in the term that it is told, null: in none. */
class Member {
  readonly label: LeaderLabel;
  readonly lines: string[] = [];
  #status: ClusterStatus;
  #wake: () => void = () => undefined;

  constructor(podName: string, term: number | null = null, clock: Clock = hurried) {
    this.#status = statusOf(term);
    const note = (message: string): void => void this.lines.push(message);
    const logger: Logger = { ...silentLogger, info: note, warn: note, error: note };
    const pods = new PodApi({ server, credentialsDirectory: join(directory.path, 'credentials'), clock });
    this.label = new LeaderLabel({ pods, podName, clock, logger });
    labels.push(this.label);
    this.label.follow(this.#admin());
  }

  lead(term: number | null): void {
    this.#status = statusOf(term);
    this.#wake();
  }

  #admin(): ClusterAdmin {
    const status = (): ClusterStatus => this.#status;
    const changed = (signal: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    const watch = async function* (signal: AbortSignal): AsyncGenerator<ClusterStatus> {
      for (;;) {
        yield status();
        await changed(signal);
      }
    };
    return { status, watch } as unknown as ClusterAdmin;
  }
}

function statusOf(term: number | null): ClusterStatus {
  return { role: term === null ? 'follower' : 'leader', term: term ?? 1 } as ClusterStatus;
}

function eventuallyLeads(...names: string[]): Promise<void> {
  return eventually(`the leaders to be ${names.join() || 'none'}`, () => api.leaders().join() === names.join());
}

describe('the label of the leader', () => {
  it('is on the pod while its member leads, and taken from others of its cluster alone', async () => {
    api.put('foo-1-0', { ...OURS });
    api.put('foo-2-0', { ...OURS, ...LEADER }, { 'graveyar.dev/leader-term': '4' });
    api.put('foo-3-0', { ...OURS, ...LEADER });
    api.put('bar-1-0', { 'graveyar.dev/cluster': 'bar', ...LEADER });
    const member = new Member('foo-1-0', 5);
    await eventuallyLeads('foo-1-0', 'bar-1-0');
    member.lead(null);
    await eventuallyLeads('bar-1-0');
    expect(api.pods.get('foo-1-0')).toMatchObject({ labels: OURS, annotations: {} });
  });

  it('is taken from the own pod at the start, when its container led in an earlier life', async () => {
    api.put('foo-1-0', { ...OURS, ...LEADER }, { 'graveyar.dev/leader-term': '4' });
    new Member('foo-1-0');
    await eventuallyLeads();
  });

  it('is not taken from the successor by one that does not know that it leads no more', async () => {
    api.put('foo-1-0', { ...OURS });
    api.put('foo-2-0', { ...OURS });
    new Member('foo-1-0', 5);
    await eventuallyLeads('foo-1-0');
    const lists = (): number => api.calls.length;
    new Member('foo-2-0', 6);
    await eventually('the successor to be labelled', () => api.leaders().includes('foo-2-0'));
    const before = lists();
    await eventually('both to look again', () => lists() > before + 10);
    expect(api.leaders()).toContain('foo-2-0');
    expect(api.pods.get('foo-2-0')?.annotations).toEqual({ 'graveyar.dev/leader-term': '6' });
  });

  it('is not taken from a pod that changed after it was seen', async () => {
    api.put('foo-1-0', { ...OURS });
    api.put('foo-2-0', { ...OURS, ...LEADER }, { 'graveyar.dev/leader-term': '4' });
    // Just as the label is about to be taken away, that member leads again.
    api.before = (method, name) => {
      if (method !== 'PATCH' || name !== 'foo-2-0') return;
      api.before = () => undefined;
      api.put('foo-2-0', { ...OURS, ...LEADER }, { 'graveyar.dev/leader-term': '9' });
    };
    new Member('foo-1-0', 5);
    await eventuallyLeads('foo-1-0', 'foo-2-0');
    const before = api.calls.length;
    await eventually('it to look again', () => api.calls.length > before + 5);
    expect(api.leaders()).toContain('foo-2-0');
  });

  it('comes back when somebody takes it away', async () => {
    api.put('foo-1-0', { ...OURS });
    new Member('foo-1-0', 5);
    await eventuallyLeads('foo-1-0');
    api.put('foo-1-0', { ...OURS });
    await eventuallyLeads('foo-1-0');
  });

  it.each([500, 403, 'hangs'] as const)(
    'is kept again after the API server failed (%s), which is said once',
    async (mood) => {
      api.put('foo-1-0', { ...OURS });
      api.mood = mood;
      const member = new Member('foo-1-0', 5);
      const warned = 'the label of the leader cannot be kept; it is tried again';
      await eventually('three tries', () => api.calls.length >= 3);
      await eventually('a warning', () => member.lines.includes(warned));
      api.mood = 'answers';
      await eventuallyLeads('foo-1-0');
      await eventually('word of it', () => member.lines.includes('the label of the leader is kept again'));
      expect(member.lines.filter((line) => line === warned)).toHaveLength(1);
    },
  );

  it('is put there with the token of the moment', async () => {
    api.put('foo-1-0', { ...OURS });
    const member = new Member('foo-1-0');
    await eventually('a call', () => api.calls.includes('GET first'));
    api.rotateToken('second');
    member.lead(5);
    await eventuallyLeads('foo-1-0');
    expect(api.calls).toContain('PATCH second');
  });

  it('is gone when the member has stopped, and a server that hangs does not hold that up for long', async () => {
    api.put('foo-1-0', { ...OURS });
    const member = new Member('foo-1-0', 5);
    await eventuallyLeads('foo-1-0');
    await member.label.stop();
    expect(api.leaders()).toEqual([]);
    const other = new Member('foo-1-0', 6, systemClock);
    await eventuallyLeads('foo-1-0');
    api.mood = 'hangs';
    // The test's own deadline is the proof that this ends.
    await other.label.stop();
    expect(api.leaders()).toEqual(['foo-1-0']);
  });

  it('fails without an API server and without credentials, and does nobody harm', async () => {
    await api.stop();
    const member = new Member('foo-1-0', 5);
    await eventually('a warning', () => member.lines.some((line) => line.includes('cannot be kept')));
    await member.label.stop();
    api = new PodApiServer(join(directory.path, 'credentials'));
    server = await api.start();
  });
});
