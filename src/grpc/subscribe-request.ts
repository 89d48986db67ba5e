/**
 * Subscriptions on the wire: the request, and the answers. Events pass through as the bytes they are stored as.
 */
import { validateStreamId } from '../domain/validate-text.ts';
import { invalidArgument } from '../domain/validate-text.ts';
import type { SubscriptionMessage, SubscriptionStart, SubscriptionTarget } from '../pipeline/event-pipeline.ts';
import { toFilter } from './filter-request.ts';
import { SubscribeRequest, SubscribeResponse } from './gen/graveyar/v1/event_store.ts';
import { decodeRequest } from './request-reader.ts';

const beginning: SubscriptionStart = { kind: 'beginning' };
const end: SubscriptionStart = { kind: 'end' };

/** A SubscribeRequest message. Throws INVALID_ARGUMENT. */
export function readSubscribeRequest(message: Uint8Array): SubscriptionTarget {
  const { target } = decodeRequest(SubscribeRequest, message);
  switch (target?.$case) {
    case 'stream': {
      const { streamId, start } = target.stream;
      validateStreamId(streamId, () => 'stream.stream_id');
      return {
        kind: 'stream',
        streamId,
        start: start?.$case === 'afterRevision' ? after(start.afterRevision) : startOf(start),
      };
    }
    case 'all': {
      const { filter, start } = target.all;
      return {
        kind: 'all',
        filter: toFilter(filter, 'all.filter'),
        start: start?.$case === 'afterPosition' ? after(start.afterPosition) : startOf(start),
      };
    }
    case undefined:
      throw invalidArgument('target', 'says nothing', 'stream or all');
  }
}

function after(value: number): SubscriptionStart {
  return { kind: 'after', value };
}

function startOf(start: { $case: 'end' } | undefined): SubscriptionStart {
  return start === undefined ? beginning : end;
}

/** The SubscribeResponse message of one step of a subscription. */
export function encodeSubscriptionMessage(message: SubscriptionMessage): Uint8Array {
  switch (message.kind) {
    case 'events':
      return eventsResponse(message.batch.wire);
    case 'confirmed':
      return encode({ $case: 'confirmed', confirmed: { subscriptionId: message.subscriptionId } });
    case 'caught-up':
      return encode({ $case: 'caughtUp', caughtUp: { position: message.position ?? undefined } });
    case 'fell-behind':
      return encode({ $case: 'fellBehind', fellBehind: { position: message.position ?? undefined } });
    case 'checkpoint':
      return encode({ $case: 'checkpoint', checkpoint: { position: message.position } });
  }
}

function encode(kind: SubscribeResponse['kind']): Uint8Array {
  return SubscribeResponse.encode({ kind }).finish();
}

/** Field 2, length-delimited. */
const eventsTag = 18;

/** `wire`, which is a ReadResponse message, as field `events` of a SubscribeResponse. */
function eventsResponse(wire: Uint8Array): Uint8Array {
  let prefix = 2;
  for (let rest = wire.length >>> 7; rest > 0; rest >>>= 7) prefix++;
  const bytes = Buffer.allocUnsafe(prefix + wire.length);
  bytes[0] = eventsTag;
  let rest = wire.length;
  for (let at = 1; at < prefix; at++) {
    bytes[at] = at === prefix - 1 ? rest : (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes.set(wire, prefix);
  return bytes;
}
