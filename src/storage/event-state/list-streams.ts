/**
 * Lists streams by the byte order of their ids, from their heads.
 */
import { keyAfter, prefixEnd, readStreamHeadKey, streamHeadKey } from '../keys.ts';
import type { StreamSummary } from '../store.ts';
import { decodeHead } from '../values.ts';
import type { KeyValueReader } from '../key-value/key-value.ts';

/** Streams whose ids begin with `prefix`, after `after` (null: from the first), at most `limit` (at least 1). */
export async function listStreams(
  reader: KeyValueReader,
  prefix: string,
  after: string | null,
  limit: number,
): Promise<StreamSummary[]> {
  const start = streamHeadKey(prefix);
  const resume = after === null ? start : keyAfter(streamHeadKey(after));
  const gte = Buffer.compare(resume, start) > 0 ? resume : start;
  const lt = prefixEnd(start);
  if (Buffer.compare(gte, lt) >= 0) return [];
  const entries = await reader.scan({ gte, lt }, { limit });
  return entries.map(({ key, value }) => {
    const { streamNumber, lastRevision, lastPosition } = decodeHead(value);
    return { streamId: readStreamHeadKey(key), lastRevision, firstPosition: streamNumber, lastPosition };
  });
}
