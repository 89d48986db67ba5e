/**
 * What a group changes in the event state: a page at a time, blindly, as everything was decided before. The keys are
 * FORMAT.md's; the same group makes the same changes on every replica.
 */
import type { StreamHead } from '../../domain/append.ts';
import type { EncodedGroup } from '../group.ts';
import type { WriteBatch } from '../key-value/key-value.ts';
import { largeRecordKey, pageKey, streamHeadKey, streamIndexKey, tagKey, typeKey } from '../keys.ts';
import { INLINE_PAGE_BYTES, pagesOf, type Page } from '../page.ts';
import { encodeHead, encodePlace } from '../values.ts';

const EMPTY = new Uint8Array(0);

/** Puts everything of the group except its event ids, and stream heads, which it leaves in `heads` by stream id: the last one counts. */
export function writeGroup(batch: WriteBatch, group: EncodedGroup, heads: Map<string, StreamHead>): void {
  for (const page of pagesOf(group)) writePage(batch, page, heads);
}

/** Puts the heads of streams. */
export function writeHeads(batch: WriteBatch, heads: ReadonlyMap<string, StreamHead>): void {
  for (const [streamId, head] of heads) batch.put(streamHeadKey(streamId), encodeHead(head));
}

function writePage(batch: WriteBatch, page: Page, heads: Map<string, StreamHead>): void {
  const large = page.bytes.length > INLINE_PAGE_BYTES ? page.appends[0] : undefined;
  batch.put(pageKey(page.position), large === undefined ? page.bytes : EMPTY);
  if (large !== undefined) batch.put(largeRecordKey(page.position), large.bytes);
  const types = new Set<string>();
  const tags = new Set<string>();
  for (const append of page.appends) {
    const { streamNumber, firstRevision, firstPosition, count } = append;
    batch.put(
      streamIndexKey(streamNumber, firstRevision),
      encodePlace({ firstPosition, count, pagePosition: page.position }),
    );
    for (let ordinal = 0; ordinal < count; ordinal += 1) {
      if (ordinal > 0 && append.repeatsFacts(ordinal)) continue;
      const facts = append.facts(ordinal);
      types.add(facts.type);
      for (const tag of facts.tags) tags.add(tag);
    }
    heads.set(append.streamId, {
      streamNumber,
      lastRevision: firstRevision + count - 1,
      lastPosition: firstPosition + count - 1,
    });
  }
  for (const type of types) batch.put(typeKey(type, page.position), EMPTY);
  for (const tag of tags) batch.put(tagKey(tag, page.position), EMPTY);
}
