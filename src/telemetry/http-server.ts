/**
 * The HTTP port for machines that watch the store: /metrics (Prometheus), /livez (the process works) and /readyz (it
 * serves). Small and bounded: few connections, short timeouts, no request bodies. Must not know what is measured.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { systemClock } from '../lib/clock.ts';
import { listen } from '../lib/listen.ts';
import type { BoundAddress } from '../lib/listen.ts';
import type { Logger } from './logger.ts';

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What /metrics answers. */
  readonly metrics: { readonly contentType: string; readonly print: () => Promise<string> };
  /** Null when the store serves, else why it does not, in a few words. */
  readonly notReady: () => string | null;
  readonly logger: Logger;
}

export interface HttpServer {
  /** Rejects with the error of node:net (EADDRINUSE and so on) when it cannot listen. */
  start(): Promise<BoundAddress>;
  /** Takes no new connection, lets answers in flight finish for a second, and resolves when all is closed. */
  stop(): Promise<void>;
}

const MAX_CONNECTIONS = 64;
const TIMEOUT_MILLIS = 10_000;
const STOP_MILLIS = 1000;

/** Makes the server; it listens once it is started. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const server = createServer(
    { headersTimeout: TIMEOUT_MILLIS, requestTimeout: TIMEOUT_MILLIS, keepAliveTimeout: TIMEOUT_MILLIS },
    (request, response) => {
      answer(request, response, options).catch((error: unknown) => {
        options.logger.error('an HTTP request failed', { path: request.url, error });
        response.destroy();
      });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  return { start: () => listen(server, options.host, options.port), stop: () => close(server) };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HttpServerOptions): Promise<void> {
  // Whoever sends a body is not for us; reading it would only cost.
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    respond(response.setHeader('allow', 'GET, HEAD').setHeader('connection', 'close'), 405, 'only GET and HEAD\n');
    return;
  }
  const path = (request.url ?? '/').split('?', 1)[0];
  if (path === '/livez') {
    respond(response, 200, 'ok\n');
  } else if (path === '/readyz') {
    const reason = options.notReady();
    respond(response, reason === null ? 200 : 503, reason === null ? 'ok\n' : `${reason}\n`);
  } else if (path === '/metrics') {
    const text = await options.metrics.print();
    respond(response, 200, text, options.metrics.contentType);
  } else {
    respond(response, 404, 'there are /metrics, /livez and /readyz\n');
  }
}

function respond(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cancel = systemClock.setTimer(STOP_MILLIS, () => {
      server.closeAllConnections();
    });
    server.close(() => {
      cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
