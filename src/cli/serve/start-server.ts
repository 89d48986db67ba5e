/**
 * The composition root of a server: metrics port, store, pipeline, gRPC port, in this order, and the reverse to stop. What
 * was started is stopped again when a later step fails. Knows every part and none of their work.
 */
import { readFileSync } from 'node:fs';
import { openReplicatedStore } from '../../cluster/open-replicated-store.ts';
import type { Settings } from '../../config/settings.ts';
import { createGrpcServer } from '../../grpc/grpc-server.ts';
import type { GrpcServer, ServerTls } from '../../grpc/grpc-server.ts';
import type { Clock } from '../../lib/clock.ts';
import { createPipeline } from '../../pipeline/create-pipeline.ts';
import type { EventPipeline } from '../../pipeline/event-pipeline.ts';
import type { Store } from '../../storage/store.ts';
import { createCallMetrics } from '../../telemetry/call-metrics.ts';
import { createHttpServer } from '../../telemetry/http-server.ts';
import type { HttpServer } from '../../telemetry/http-server.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { MetricsRegistry } from '../../telemetry/metrics-registry.ts';
import { createPipelineMetrics } from '../../telemetry/pipeline-metrics.ts';
import { createSubscriptionMetrics } from '../../telemetry/subscription-metrics.ts';
import { EXIT } from '../exit-code.ts';
import { CommandFailure, listenFailure } from '../failure.ts';
import type { Stoppable } from './lifecycle.ts';

/** What a server needs of its process. */
export interface ServerContext {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Gets a broken invariant; ends the process. */
  readonly onFatal: (error: unknown) => void;
}

/** Starts a server; it serves when this resolves. Rejects with an error that `describeFailure` can tell in words. */
export async function startServer(settings: Settings, context: ServerContext): Promise<Stoppable> {
  const { logger, clock } = context;
  const startedAt = clock.monotonicMillis();
  const tls = readTls(settings);
  const registry = new MetricsRegistry();
  let notReady: string | null = 'starting';
  const started: (() => Promise<void>)[] = [];
  try {
    const http = createHttpServer({
      host: settings.metricsHost,
      port: settings.metricsPort,
      metrics: { contentType: registry.contentType, print: () => registry.print() },
      notReady: () => notReady,
      logger,
    });
    const metrics = await listen(http, 'metrics', settings.metricsHost, settings.metricsPort);
    started.push(() => http.stop());

    const { store } = await openReplicatedStore(settings.dataDirectory, {
      clock,
      logger,
      segmentBytes: settings.segmentSize,
      settings: { trimBytes: settings.logSize },
    });
    started.push(() => store.close());
    registry.addSource('store_', () => store.gauges());

    const pipeline = createPipeline(store, {
      clock,
      append: { observer: createPipelineMetrics(registry) },
      subscribe: { observer: createSubscriptionMetrics(registry) },
    });
    started.push(() => pipeline.stop());

    const grpc = createGrpcServer({
      pipeline,
      logger,
      clock,
      host: settings.host,
      port: settings.port,
      observer: createCallMetrics(registry),
      onFatal: context.onFatal,
      ...(tls === null ? {} : { tls }),
    });
    const bound = await listen(grpc, 'clients', settings.host, settings.port);
    notReady = null;
    logger.info('serving', {
      ...bound,
      tls: tls !== null,
      metricsHost: metrics.host,
      metricsPort: metrics.port,
      dataDirectory: settings.dataDirectory,
      events: store.appliedEnd,
      startMillis: Math.round(clock.monotonicMillis() - startedAt),
    });
    return {
      failed: store.failed,
      stop: () => {
        notReady = 'stopping';
        return stopServer({ grpc, pipeline, store, http }, settings.gracePeriod);
      },
    };
  } catch (error) {
    for (const stop of started.reverse()) await stop().catch(() => undefined);
    throw error;
  }
}

interface Parts {
  readonly grpc: GrpcServer;
  readonly pipeline: EventPipeline;
  readonly store: Store;
  readonly http: HttpServer;
}

/** Calls end first, then what they admitted, then the store; metrics can be read to the end. */
async function stopServer({ grpc, pipeline, store, http }: Parts, graceMillis: number): Promise<void> {
  await grpc.stop(graceMillis);
  await pipeline.stop();
  await store.close();
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

function readTls({ tlsCertificate, tlsKey, tlsClientAuthority }: Settings): ServerTls | null {
  if (tlsCertificate === null || tlsKey === null) return null;
  return {
    cert: readPem('--tls-certificate', tlsCertificate),
    key: readPem('--tls-key', tlsKey),
    ...(tlsClientAuthority === null ? {} : { ca: readPem('--tls-client-authority', tlsClientAuthority) }),
  };
}

function readPem(flag: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CommandFailure(`${flag}: ${(error as Error).message}`, EXIT.usage);
  }
}
