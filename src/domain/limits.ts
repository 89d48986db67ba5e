/**
 * Every limit a user can meet, in one place, with the relations between them asserted. Bytes of text are bytes of UTF-8.
 * Both sides of each are tested.
 */
import { assert } from '../lib/assert.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  streamIdBytes: 1024,
  eventTypeBytes: 256,
  contentTypeBytes: 128,
  metadataBytes: 64 * KiB,
  tagsPerEvent: 32,
  tagBytes: 256,
  /** Data and metadata of one event together. */
  eventBytes: 16 * MiB,
  eventsPerAppend: 10_000,
  /** All events of one append (or transaction): data, metadata, type, content type and tags. */
  appendBytes: 64 * MiB,
  streamsPerTransaction: 100,
  queryItems: 32,
  queryItemTypes: 32,
  queryItemTags: 32,
  regexBytes: 1024,
  /** Instructions of a compiled regular expression: what a match may cost for each character. */
  regexInstructions: 500,
  pageSize: 1000 as number,
  defaultPageSize: 100,
  /** A gRPC message that the server takes: an append of `appendBytes` with room for its framing. */
  requestBytes: 72 * MiB,
  /** A message of a read or subscription: filled up to this, unless a single event is larger. */
  responseBytes: 1 * MiB,
} as const;

assert(limits.eventBytes <= limits.appendBytes, 'an append must have room for the largest event');
assert(limits.metadataBytes <= limits.eventBytes, 'metadata counts towards the event');
assert(
  limits.appendBytes + limits.eventsPerAppend * 256 + limits.streamsPerTransaction * limits.streamIdBytes <=
    limits.requestBytes,
  'a request must have room for the largest append and its framing',
);
assert(limits.defaultPageSize <= limits.pageSize, 'the default page is a legal page');
