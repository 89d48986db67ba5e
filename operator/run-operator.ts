/**
 * The operator put together: connection, caches, lease, controller, and the port for metrics and health. The composition root, without
 * a process: no exit, no signal handlers.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '../src/lib/clock.ts';
import { randomFraction } from '../src/lib/random.ts';
import { createHttpServer } from '../src/telemetry/http-server.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import { Controller } from './controller/controller.ts';
import { Reconciler } from './controller/reconciler.ts';
import { ApiClient } from './kubernetes/api-client.ts';
import { ApiConnection, loadKubeConfig, namespaceOf } from './kubernetes/api-connection.ts';
import { EventRecorder } from './kubernetes/event-recorder.ts';
import { LeaseElection } from './kubernetes/lease-election.ts';
import { podAddress } from './observe/ask-members.ts';
import type { PodAddress } from './observe/ask-members.ts';
import { ClusterCaches } from './observe/cluster-caches.ts';
import { MemberPool } from './observe/member-pool.ts';
import { MemberTlsSource } from './observe/member-tls.ts';
import { MissingPods } from './observe/missing-pods.ts';
import { OperatorMetrics } from './operator-metrics.ts';
import { FIELD_MANAGER } from './resources/names.ts';
import type { OperatorSettings } from './settings.ts';

/** What the operator has of the world. */
export interface OperatorEnvironment {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly version: string;
  /** Aborted when it has to stop. */
  readonly stopping: AbortSignal;
  /** Where pods serve clients; by default at their own addresses. */
  readonly addressOf?: PodAddress;
  /** Called after each thing that was done. For tests that end the process there. */
  readonly afterAction?: (kind: string) => void;
}

/** Of the lease's duration: how long it counts as held without being renewed, and how often it is renewed. */
const RENEW_DEADLINE = 2 / 3;
const RETRY = 2 / 15;
const RELEASE_MILLIS = 3_000;

/**
 * Works until it has to stop, and gives the lease away. Rejects when the configuration cannot be used, when the port cannot be had, and with
 * LeaseLost: then the process has to end at once, as another one may be at work.
 */
export async function runOperator(settings: OperatorSettings, environment: OperatorEnvironment): Promise<void> {
  const { logger, stopping, version } = environment;
  const ended = new AbortController();
  const parts = assemble(settings, environment, ended.signal);
  const { caches, metrics, recorder } = parts;
  const http = createHttpServer({
    host: settings.metricsHost,
    port: settings.metricsPort,
    metrics: { contentType: metrics.contentType, print: () => metrics.print() },
    notReady: () => (stopping.aborted ? 'stopping' : caches.notSynced),
    logger,
  });
  const { port } = await http.start();
  logger.info('the operator runs', { version, metricsPort: port, namespaces: settings.namespaces ?? 'all' });
  const watching = caches.run(ended.signal);
  try {
    await untilStopped(stopping, caches.synced());
    if (!stopping.aborted) await lead(settings, environment, parts);
    await untilStopped(AbortSignal.timeout(RELEASE_MILLIS), recorder.flushed());
  } finally {
    ended.abort(new Error('the operator has ended'));
    parts.pool.close();
    await http.stop();
    await watching;
    parts.connection.close();
  }
}

/** What an operator consists of. */
interface Parts {
  readonly connection: ApiConnection;
  readonly election: LeaseElection;
  readonly pool: MemberPool;
  readonly controller: Controller;
  readonly caches: ClusterCaches;
  readonly metrics: OperatorMetrics;
  readonly recorder: EventRecorder;
  readonly reconciler: Reconciler;
}

function assemble(settings: OperatorSettings, environment: OperatorEnvironment, ended: AbortSignal): Parts {
  const { logger, clock, version, addressOf = podAddress, afterAction } = environment;
  const kubeConfig = loadKubeConfig(settings.kubeconfig);
  const connection = new ApiConnection(kubeConfig, clock, `graveyar-db-operator/${version}`);
  const api = new ApiClient(connection, { fieldManager: FIELD_MANAGER, deadlineMillis: settings.callTimeout });
  const world = { api, clock, random: randomFraction, logger };
  const instance = settings.identity ?? hostname();
  const election = new LeaseElection({
    ...world,
    lease: { namespace: settings.leaseNamespace ?? namespaceOf(kubeConfig) ?? 'default', name: settings.leaseName },
    // A process that was started anew is another one.
    identity: `${instance}_${randomUUID().slice(0, 8)}`,
    durationMillis: settings.leaseDuration,
    renewDeadlineMillis: settings.leaseDuration * RENEW_DEADLINE,
    retryMillis: settings.leaseDuration * RETRY,
  });
  const pool = new MemberPool(settings.memberTimeout);
  const metrics = new OperatorMetrics();
  const { workers, resync, namespaces, relist: relistMillis } = settings;
  const controller = new Controller({ ...world, observer: metrics, workers, longestWaitMillis: resync });
  const changed = (key: string): void => {
    if (election.isHeld) controller.changed(key);
  };
  const caches = new ClusterCaches({ ...world, namespaces, relistMillis, observer: metrics, changed });
  const recorder = new EventRecorder({ ...world, component: FIELD_MANAGER, instance }, ended);
  const reconciler = new Reconciler({
    ...world,
    caches,
    pool,
    tls: new MemberTlsSource(api, clock),
    missingPods: new MissingPods(api, clock),
    recorder,
    observer: metrics,
    assertLeading: () => {
      election.assertHeld();
    },
    addressOf,
    askMillis: settings.memberTimeout,
    changeMillis: settings.changeTimeout,
    ...(afterAction === undefined ? {} : { afterAction }),
  });
  metrics.read({
    clusters: () => caches.clusterKeys().length,
    queued: () => controller.queued,
    connections: () => pool.size,
    isLeading: () => election.isHeld,
  });
  return { connection, election, pool, controller, caches, metrics, recorder, reconciler };
}

/** Waits for the lease, works, and gives it away. */
async function lead(
  settings: OperatorSettings,
  environment: OperatorEnvironment,
  { election, controller, reconciler, caches }: Parts,
): Promise<void> {
  const { logger, clock, stopping } = environment;
  try {
    await election.acquire(stopping);
  } catch (error) {
    if (stopping.aborted) return;
    throw error;
  }
  logger.info('this operator is at work');
  for (const key of caches.clusterKeys()) controller.changed(key);
  const work = new AbortController();
  const done = new AbortController();
  let cancel = (): void => undefined;
  const stop = (): void => {
    cancel = clock.setTimer(settings.gracePeriod, () => {
      work.abort(new Error('the grace period is over'));
    });
  };
  stopping.addEventListener('abort', stop, { once: true });
  if (stopping.aborted) stop();
  const working = controller.run(reconciler, stopping, work.signal).finally(() => {
    done.abort(new Error('the work is done'));
  });
  try {
    await Promise.all([working, election.keep(done.signal)]);
  } catch (error) {
    work.abort(error);
    throw error;
  } finally {
    cancel();
    stopping.removeEventListener('abort', stop);
  }
  await election.release(AbortSignal.timeout(RELEASE_MILLIS));
  logger.info('this operator has stopped');
}

/** Resolves when `work` does or the signal is aborted. */
function untilStopped(signal: AbortSignal, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    work.then(stop, reject).finally(() => {
      signal.removeEventListener('abort', stop);
    });
  });
}
