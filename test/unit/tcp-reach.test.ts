// Whether somebody listens, within a bounded time.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { parseHostPort, reachTcp, ReachTimeout } from '../../src/lib/tcp-reach.ts';
import { ManualClock } from '../support/manual-clock.ts';

async function listener(): Promise<{ port: number; ended: Promise<void> }> {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const server = createServer((socket) => socket.on('close', end).on('error', end).resume());
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, ended };
}

describe('reaching an address', () => {
  it('resolves when somebody listens, and leaves no connection', async () => {
    const { port, ended } = await listener();
    await reachTcp({ host: '127.0.0.1', port }, systemClock, 10_000);
    await ended;
  });

  it("rejects with the system's error when nobody does", async () => {
    const refused = reachTcp({ host: '127.0.0.1', port: 1 }, systemClock, 10_000);
    await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('rejects when the time is over before the system knows', async () => {
    const clock = new ManualClock();
    const { port } = await listener();
    const late = reachTcp({ host: '127.0.0.1', port }, clock, 1_000);
    clock.advance(1_000);
    await expect(late).rejects.toBeInstanceOf(ReachTimeout);
  });

  it("rejects with the signal's reason", async () => {
    const { port } = await listener();
    const controller = new AbortController();
    const aborted = reachTcp({ host: '127.0.0.1', port }, systemClock, 10_000, controller.signal);
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(reachTcp({ host: '127.0.0.1', port }, systemClock, 1, controller.signal)).rejects.toThrow('enough');
  });
});

describe('an address', () => {
  it.for([
    ['127.0.0.1:4000', { host: '127.0.0.1', port: 4000 }],
    ['db-0.db.svc:65535', { host: 'db-0.db.svc', port: 65535 }],
    ['[::1]:4000', { host: '::1', port: 4000 }],
    ['db:65536', null],
    ['::1:4000', null],
    ['dns:///db:4000', null],
    ['unix:/run/db', null],
    ['db', null],
  ] as const)('%s', ([address, parts]) => {
    expect(parseHostPort(address)).toEqual(parts);
  });
});
