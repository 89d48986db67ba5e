/**
 * Requests that read, from their messages to what the pipeline takes. Everything in them is validated here; a pattern is
 * compiled by the pipeline.
 */
import { validateStreamId } from '../domain/validate-text.ts';
import { invalidArgument } from '../domain/validate-text.ts';
import type { AllRead, StreamRead } from '../pipeline/event-pipeline.ts';
import { toConsistency, toFilter } from './filter-request.ts';
import { Direction, ReadAllRequest, ReadStreamRequest } from './gen/graveyar/v1/event_store.ts';
import { decodeRequest } from './request-reader.ts';

/** A ReadStreamRequest message. Throws INVALID_ARGUMENT. */
export function readStreamRequest(message: Uint8Array): StreamRead {
  const request = decodeRequest(ReadStreamRequest, message);
  validateStreamId(request.streamId, () => 'stream_id');
  return {
    streamId: request.streamId,
    direction: toDirection(request.direction),
    fromRevision: request.fromRevision ?? null,
    limit: toLimit(request.limit),
    consistency: toConsistency(request.consistency),
  };
}

/** A ReadAllRequest message. Throws INVALID_ARGUMENT. */
export function readAllRequest(message: Uint8Array): AllRead {
  const request = decodeRequest(ReadAllRequest, message);
  return {
    direction: toDirection(request.direction),
    from: toFrom(request),
    limit: toLimit(request.limit),
    filter: toFilter(request.filter, 'filter'),
    consistency: toConsistency(request.consistency),
  };
}

function toDirection(direction: Direction): StreamRead['direction'] {
  switch (direction) {
    case Direction.DIRECTION_UNSPECIFIED:
    case Direction.DIRECTION_FORWARDS:
      return 'forwards';
    case Direction.DIRECTION_BACKWARDS:
      return 'backwards';
    default:
      throw invalidArgument('direction', `is ${direction}`, 'DIRECTION_FORWARDS or DIRECTION_BACKWARDS');
  }
}

function toLimit(limit: number): number | null {
  return limit === 0 ? null : limit;
}

function toFrom({ from }: ReadAllRequest): AllRead['from'] {
  if (from === undefined) return null;
  if (from.$case === 'fromPosition') return { kind: 'position', position: from.fromPosition };
  return { kind: 'time', micros: toMicros(from.fromTime.seconds, from.fromTime.nanos) };
}

/** Source: google.protobuf.Timestamp, years 1 to 9999; the store's clock begins in 1970 and counts microseconds. */
function toMicros(seconds: number, nanos: number): number {
  if (nanos < 0 || nanos > 999_999_999) {
    throw invalidArgument('from_time.nanos', `is ${nanos}`, '0 to 999,999,999');
  }
  if (seconds < -62_135_596_800 || seconds > 253_402_300_799) {
    throw invalidArgument('from_time.seconds', `is ${seconds}`, 'years 1 to 9999');
  }
  const micros = seconds * 1_000_000 + Math.floor(nanos / 1000);
  if (!Number.isSafeInteger(micros)) {
    throw invalidArgument('from_time', 'is too far away', 'times until the year 2255');
  }
  return Math.max(0, micros);
}
