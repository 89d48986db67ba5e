/**
 * Subscriptions on the wire: the request from where it is to go on, and its messages.
 */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Filter } from '../domain/filter.ts';
import { SubscribeRequest, SubscribeResponse } from '../grpc/gen/graveyar/v1/event_store.ts';
import { filterMessage } from './read-requests.ts';
import { readEvents } from './recorded-event.ts';
import type { RecordedEvent } from './recorded-event.ts';

/** To what: one stream, which need not exist yet, or the whole store, filtered or not. */
export type SubscriptionTarget =
  | {
      readonly stream: string;
      /** After this revision, or only what comes next. Default: from the stream's first event. */
      readonly after?: number | 'end';
    }
  | {
      readonly filter?: Filter;
      /** After this position, or only what comes next. Default: from the store's first event. */
      readonly after?: number | 'end';
    };

/** One step of a subscription. Positions: the last one looked at, null when there was none. */
export type SubscriptionMessage =
  /** The subscription stands; comes again each time it was resumed. */
  | { readonly kind: 'confirmed'; readonly subscriptionId: string }
  /** Events, in order; at least one. */
  | { readonly kind: 'events'; readonly events: readonly RecordedEvent[] }
  /** Everything there was has been read; what follows is live. */
  | { readonly kind: 'caught-up'; readonly position: number | null }
  /** The consumer was too slow for live events; they are read from disk until the next caught-up. */
  | { readonly kind: 'fell-behind'; readonly position: number | null }
  /** Everything up to here was looked at, whether it matched or not: a place to go on after. */
  | { readonly kind: 'checkpoint'; readonly position: number };

/** The serialized SubscribeRequest. */
export function encodeSubscribe(target: SubscriptionTarget): Uint8Array {
  return SubscribeRequest.encode({ target: targetMessage(target) }).finish();
}

function targetMessage(target: SubscriptionTarget): SubscribeRequest['target'] {
  const { after } = target;
  const end = after === 'end' ? ({ $case: 'end', end: {} } as const) : undefined;
  if ('stream' in target) {
    const start = typeof after === 'number' ? ({ $case: 'afterRevision', afterRevision: after } as const) : end;
    return { $case: 'stream', stream: { streamId: target.stream, start } };
  }
  const start = typeof after === 'number' ? ({ $case: 'afterPosition', afterPosition: after } as const) : end;
  return { $case: 'all', all: { filter: filterMessage(target.filter), start } };
}

/** Field 2, length-delimited: the events of a SubscribeResponse. */
const eventsTag = 18;

/** The step that a serialized SubscribeResponse is; null for one of a later version of the protocol. */
export function decodeSubscriptionMessage(message: Uint8Array): SubscriptionMessage | null {
  if (message[0] === eventsTag) {
    const reader = new BinaryReader(message);
    reader.uint32();
    return { kind: 'events', events: readEvents(reader, reader.uint32() + reader.pos) };
  }
  const { kind } = SubscribeResponse.decode(message);
  switch (kind?.$case) {
    case 'confirmed':
      return { kind: 'confirmed', subscriptionId: kind.confirmed.subscriptionId };
    case 'caughtUp':
      return { kind: 'caught-up', position: kind.caughtUp.position ?? null };
    case 'fellBehind':
      return { kind: 'fell-behind', position: kind.fellBehind.position ?? null };
    case 'checkpoint':
      return { kind: 'checkpoint', position: kind.checkpoint.position };
    case 'events':
    case undefined:
      return null;
  }
}
