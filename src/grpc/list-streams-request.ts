/**
 * Listing streams on the wire. A page token is opaque to clients: a version byte and the last stream id of the page before, in
 * base64url. It is validated like anything that comes from outside.
 */
import { isUtf8 } from 'node:buffer';
import { limits } from '../domain/limits.ts';
import { invalidArgument, validateStreamId, validateText } from '../domain/validate-text.ts';
import type { ReadConsistency, StreamPage } from '../pipeline/event-pipeline.ts';
import { toConsistency } from './filter-request.ts';
import { ListStreamsRequest, ListStreamsResponse } from './gen/graveyar/v1/event_store.ts';
import { decodeRequest } from './request-reader.ts';

/** What the pipeline is asked for. */
export interface StreamListing {
  readonly prefix: string;
  readonly after: string | null;
  readonly limit: number;
  readonly consistency: ReadConsistency;
}

const tokenVersion = 1;

/** A ListStreamsRequest message. Throws INVALID_ARGUMENT. */
export function readListStreamsRequest(message: Uint8Array): StreamListing {
  const request = decodeRequest(ListStreamsRequest, message);
  validateText(request.prefix, 0, limits.streamIdBytes, () => 'prefix');
  if (request.pageSize > limits.pageSize) {
    throw invalidArgument('page_size', `is ${request.pageSize}`, `at most ${limits.pageSize}`);
  }
  return {
    prefix: request.prefix,
    after: request.pageToken === '' ? null : readToken(request.pageToken, request.prefix),
    limit: request.pageSize === 0 ? limits.defaultPageSize : request.pageSize,
    consistency: toConsistency(request.consistency),
  };
}

/** The ListStreamsResponse message of a page. */
export function encodeStreamPage(page: StreamPage): Uint8Array {
  return ListStreamsResponse.encode({
    streams: page.streams.map((stream) => ({ ...stream })),
    nextPageToken: page.next === null ? '' : makeToken(page.next),
  }).finish();
}

function makeToken(streamId: string): string {
  return Buffer.concat([Buffer.of(tokenVersion), Buffer.from(streamId, 'utf8')]).toString('base64url');
}

function readToken(token: string, prefix: string): string {
  const bytes = Buffer.from(token, 'base64url');
  const id = bytes.subarray(1);
  // Comparing with what would have been made also refuses characters that decoding skips.
  if (bytes[0] === tokenVersion && isUtf8(id)) {
    const streamId = id.toString('utf8');
    if (makeToken(streamId) === token && streamId.startsWith(prefix)) {
      validateStreamId(streamId, () => 'page_token');
      return streamId;
    }
  }
  throw invalidArgument(
    'page_token',
    'is not a token of this listing',
    'next_page_token of a page with the same prefix',
  );
}
