// The HTTP port: what it answers, what it refuses, and that it stops.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpServer } from '../../src/telemetry/http-server.ts';
import type { HttpServer } from '../../src/telemetry/http-server.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';

const running: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

async function start(overrides: { port?: number; notReady?: () => string | null; print?: () => Promise<string> } = {}) {
  const server = createHttpServer({
    host: '127.0.0.1',
    port: overrides.port ?? 0,
    metrics: { contentType: 'text/plain; version=0.0.4', print: overrides.print ?? (() => Promise.resolve('a 1\n')) },
    notReady: overrides.notReady ?? (() => null),
    logger: silentLogger,
  });
  running.push(server);
  const bound = await server.start();
  return { server, url: `http://127.0.0.1:${bound.port}` };
}

describe('HTTP port', () => {
  it('answers metrics, life and readiness', async () => {
    let reason: string | null = null;
    const { url } = await start({ notReady: () => reason });
    const metrics = await fetch(`${url}/metrics`);
    expect([metrics.status, metrics.headers.get('content-type'), await metrics.text()]).toEqual([
      200,
      'text/plain; version=0.0.4',
      'a 1\n',
    ]);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect((await fetch(`${url}/readyz?verbose`)).status).toBe(200);
    reason = 'stopping';
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, 'stopping\n']);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });

  it('refuses other paths and methods', async () => {
    const { url } = await start();
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(405);
    expect((await fetch(`${url}/livez`, { method: 'HEAD' })).status).toBe(200);
  });

  it('survives metrics that fail', async () => {
    const { url } = await start({ print: () => Promise.reject(new Error('no')) });
    await expect(fetch(`${url}/metrics`)).rejects.toThrow();
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });

  it('rejects with the code of the system when the port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    running.pop();
    await new Promise((resolve) => other.close(resolve));
  });

  it('stops with a keep-alive connection open, and is gone then', async () => {
    const { server, url } = await start();
    await (await fetch(`${url}/livez`)).text();
    await server.stop();
    running.pop();
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
  });
});
