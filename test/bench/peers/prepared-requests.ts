/** The requests of the comparison, serialized beforehand: 256 bytes of payload, a thousand keys or streams in turn. */
import { AppendEventRequest, EventStoreService } from '../../../src/grpc/gen/graveyar/v1/event_store.ts';
import type { PreparedCall } from './raw-http2.ts';

const PAYLOAD = Buffer.alloc(256, 'x');
const KEYS = 1000;

/** etcd's Put: the same key every thousandth time. */
export function etcdPut(): PreparedCall {
  const value = Buffer.concat([Buffer.from([0x12, 0x80, 0x02]), PAYLOAD]);
  const bodies = Array.from({ length: KEYS }, (_, key) => {
    const name = Buffer.from(`bench-${key}`);
    return Buffer.concat([Buffer.from([0x0a, name.length]), name, value]);
  });
  return { path: '/etcdserverpb.KV/Put', body: (n) => bodies[n % KEYS] ?? PAYLOAD };
}

/**
 * Our append of one event: a new id each time, written over the one before, however often a load begins anew at request 0: a repeated id
 * would be answered without a write. Each run takes ids of its own.
 */
export function ourAppend(run: number): PreparedCall {
  const prefix = `${run.toString(16).padStart(8, '0')}-0000-4000-8000-`;
  const bodies = Array.from({ length: KEYS }, (_, key) => {
    const event = {
      id: `${prefix}000000000000`,
      type: 'bench',
      data: PAYLOAD,
      contentType: '',
      metadata: Buffer.alloc(0),
      tags: [],
    };
    const request = { streamId: `bench-${key}`, events: [event], expectedVersion: undefined };
    const bytes = Buffer.from(AppendEventRequest.encode(request).finish());
    return { bytes, at: bytes.indexOf(prefix) + prefix.length };
  });
  let made = 0;
  return {
    path: EventStoreService.appendEvent.path,
    body: () => {
      const n = made++;
      const body = bodies[n % KEYS];
      if (body === undefined) throw new Error('no body');
      body.bytes.write(n.toString(16).padStart(12, '0'), body.at, 'latin1');
      return body.bytes;
    },
  };
}
