/**
 * The composition root of a server: metrics port, member, pipeline, gRPC port, in this order, and the reverse to stop. What
 * was started is stopped again when a later step fails. Knows every part and none of their work.
 */
import type { ReplicatedNode } from '../../cluster/replicated-node.ts';
import type { Settings } from '../../config/settings.ts';
import { createGrpcServer } from '../../grpc/grpc-server.ts';
import type { GrpcServer } from '../../grpc/grpc-server.ts';
import { delay } from '../../lib/clock.ts';
import type { Clock } from '../../lib/clock.ts';
import { createPipeline } from '../../pipeline/create-pipeline.ts';
import type { EventPipeline } from '../../pipeline/event-pipeline.ts';
import { createCallMetrics } from '../../telemetry/call-metrics.ts';
import { createClusterMetrics } from '../../telemetry/cluster-metrics.ts';
import { createHttpServer } from '../../telemetry/http-server.ts';
import type { HttpServer } from '../../telemetry/http-server.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { MetricsRegistry } from '../../telemetry/metrics-registry.ts';
import { createPipelineMetrics } from '../../telemetry/pipeline-metrics.ts';
import { createSubscriptionMetrics } from '../../telemetry/subscription-metrics.ts';
import { EXIT } from '../exit-code.ts';
import { CommandFailure, listenFailure } from '../failure.ts';
import { LeaderLabel } from './kubernetes/leader-label.ts';
import { PodApi } from './kubernetes/pod-api.ts';
import { apiServerAddress } from './kubernetes/service-account.ts';
import { LeaderContact } from './leader-contact.ts';
import type { Stoppable } from './lifecycle.ts';
import { openMember } from './open-member.ts';
import { readForwardTls, readServerTls } from './read-pem.ts';
import { Readiness } from './readiness.ts';

/** What a server needs of its process. */
export interface ServerContext {
  readonly logger: Logger;
  readonly clock: Clock;
  /** The process's; tells where Kubernetes is. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Gets a broken invariant; ends the process. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * Starts a server. A cluster of one serves when this resolves; a member of a larger one answers then, and serves when it is in touch
 * with its cluster (see Readiness). Rejects with an error that `describeFailure` can tell in words.
 */
export async function startServer(settings: Settings, context: ServerContext): Promise<Stoppable> {
  const { logger, clock } = context;
  const startedAt = clock.monotonicMillis();
  const label = leaderLabel(settings, context);
  const registry = new MetricsRegistry();
  let grpc: GrpcServer | null = null;
  const contact = new LeaderContact(clock, settings.electionTimeout);
  const readiness = new Readiness(contact, (ready) => {
    grpc?.setServing(ready);
    if (ready) logger.info('ready');
    else if (!readiness.stopped) logger.info('not ready', { reason: readiness.notReady });
  });
  const started: (() => Promise<void>)[] = [];
  try {
    const http = createHttpServer({
      host: settings.metricsHost,
      port: settings.metricsPort,
      metrics: { contentType: registry.contentType, print: () => registry.print() },
      notReady: () => readiness.notReady,
      logger,
    });
    const metrics = await listen(http, 'metrics', settings.metricsHost, settings.metricsPort);
    started.push(() => http.stop());

    const node = await openMember(settings, { ...context, observer: createClusterMetrics(registry) });
    started.push(() => node.close());
    registry.addSource('store_', () => node.store.gauges());

    const pipeline = createPipeline(node.store, {
      clock,
      contact,
      append: { observer: createPipelineMetrics(registry) },
      subscribe: { observer: createSubscriptionMetrics(registry) },
    });
    started.push(() => pipeline.stop());

    grpc = grpcServer(settings, context, { pipeline, node, registry });
    const bound = await listen(grpc, 'clients', settings.host, settings.port);
    void readiness.follow({ admin: node.admin, catchUp: (signal) => node.store.readBarrier(signal) });
    logger.info('serving', {
      ...bound,
      tls: settings.tlsCertificate !== null,
      metricsHost: metrics.host,
      metricsPort: metrics.port,
      dataDirectory: settings.dataDirectory,
      events: node.store.appliedEnd,
      startMillis: Math.round(clock.monotonicMillis() - startedAt),
    });
    label?.follow(node.admin);
    const parts = { grpc, pipeline, node, http, label, clock };
    return {
      failed: node.store.failed,
      removed: node.removed,
      stop: () => {
        readiness.stop('stopping');
        return stopServer(parts, settings.gracePeriod);
      },
    };
  } catch (error) {
    for (const stop of started.reverse()) await stop().catch(() => undefined);
    throw error;
  }
}

function grpcServer(
  settings: Settings,
  { logger, clock, onFatal }: ServerContext,
  { pipeline, node, registry }: { pipeline: EventPipeline; node: ReplicatedNode; registry: MetricsRegistry },
): GrpcServer {
  const tls = readServerTls(settings);
  return createGrpcServer({
    pipeline,
    logger,
    clock,
    host: settings.host,
    port: settings.port,
    observer: createCallMetrics(registry),
    onFatal,
    cluster: { admin: node.admin, forwardTls: readForwardTls(settings) },
    serving: false,
    ...(tls === null ? {} : { tls }),
  });
}

/** Keeps the label of the leader on this server's pod, when it is told of one. */
function leaderLabel(settings: Settings, { clock, logger, environment }: ServerContext): LeaderLabel | null {
  const { kubernetesPod: podName, kubernetesCredentials: credentialsDirectory } = settings;
  if (podName === null) return null;
  const server = apiServerAddress(environment);
  if (server === null) {
    throw new CommandFailure('--kubernetes-pod: this is no pod, as KUBERNETES_SERVICE_HOST is not set', EXIT.usage);
  }
  return new LeaderLabel({ pods: new PodApi({ server, credentialsDirectory, clock }), podName, clock, logger });
}

interface Parts {
  readonly grpc: GrpcServer;
  readonly pipeline: EventPipeline;
  readonly node: ReplicatedNode;
  readonly http: HttpServer;
  readonly label: LeaderLabel | null;
  readonly clock: Clock;
}

/** The most that handing leadership over may take. */
const HAND_OVER_MILLIS = 3_000;
/** How long nodes of Kubernetes may go on sending new connections to a pod that is about to end. */
const ENDPOINT_LAG_MILLIS = 2_000;

/**
 * Another member leads first, so that calls that arrive meanwhile go there; then calls end, then what they admitted, then the
 * store. Metrics can be read to the end. In a pod, calls are taken and passed on until nobody sends any more.
 */
async function stopServer({ grpc, pipeline, node, http, label, clock }: Parts, graceMillis: number): Promise<void> {
  const end = clock.monotonicMillis() + graceMillis;
  if (node.admin.status().members.length > 1) {
    await node.handOver(Math.min(HAND_OVER_MILLIS, graceMillis / 2));
    if (label !== null) await Promise.all([label.stop(), delay(clock, Math.min(ENDPOINT_LAG_MILLIS, graceMillis / 4))]);
  }
  await label?.stop();
  await grpc.stop(Math.max(0, end - clock.monotonicMillis()));
  await pipeline.stop();
  await node.close();
  await http.stop();
}

interface Listener<B> {
  start(): Promise<B>;
}

async function listen<B>(server: Listener<B>, what: string, host: string, port: number): Promise<B> {
  try {
    return await server.start();
  } catch (error) {
    throw listenFailure(error, what, host, port);
  }
}
