/** Our own client at its best: a session of single appends, and a session of batches. Events a second. */
import { randomUUID } from 'node:crypto';
import { GraveyarClient } from '../../../src/client/index.ts';

const PAYLOAD = Buffer.alloc(256, 'x');
const STREAMS = 1000;

/** Appends so many events at a time, with so many appends in flight, for `millis`. */
export async function measureSession(
  addresses: readonly string[],
  options: { readonly eventsEach: number; readonly inFlight: number; readonly millis: number },
): Promise<number> {
  const { eventsEach, inFlight, millis } = options;
  const client = new GraveyarClient(addresses);
  const session = client.session({ window: inFlight });
  let next = 0;
  let done = 0;
  const started = performance.now();
  const worker = async (): Promise<void> => {
    while (performance.now() - started < millis) {
      const events = Array.from({ length: eventsEach }, () => ({ id: randomUUID(), type: 'bench', data: PAYLOAD }));
      await session.append(`session-${next++ % STREAMS}`, events);
      done += eventsEach;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - started) / 1000;
  await session.close();
  client.close();
  return Math.round(done / seconds);
}
