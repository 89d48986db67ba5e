/**
 * The records of a snapshot, read from the state while it goes on: events never change and positions have no holes, so what lies below
 * the snapshot's end is the same at any later time, and nothing of the engine is held.
 */
import { assert } from '../lib/assert.ts';
import { checksum } from '../storage/checksum.ts';
import type { EventState } from '../storage/event-state/event-state.ts';
import { joinGroup } from '../storage/group.ts';
import type { StoredAppend } from '../storage/stored-append.ts';
import type { SnapshotChunk, SnapshotSource } from './transport.ts';

/**
 * The records below `end`, a count of events at which a transaction ends. A chunk ends where a transaction does, and has at least
 * `chunkBytes`, unless it is the last, and at most one transaction more.
 */
export function snapshotSource(state: EventState, end: number, chunkBytes: number): SnapshotSource {
  return { chunksFrom: (position) => chunksFrom(state, position, end, chunkBytes) };
}

async function* chunksFrom(
  state: EventState,
  position: number,
  end: number,
  chunkBytes: number,
): AsyncGenerator<SnapshotChunk> {
  if (position >= end) return;
  let appends: StoredAppend[] = [];
  let bytes = 0;
  let next = position;
  for await (const chunk of state.readAll(position, 'forwards')) {
    for (const append of chunk) {
      if (next >= end) break;
      assert(append.firstPosition === next, () => `a snapshot from position ${next} in the middle of an append`);
      appends.push(append);
      bytes += append.bytes.length;
      next = append.firstPosition + append.count;
      // What a chunk brings becomes visible at once: half a transaction must not.
      if (bytes < chunkBytes || append.continues) continue;
      yield toChunk(appends);
      appends = [];
      bytes = 0;
    }
    if (next >= end) break;
  }
  if (appends.length > 0) yield toChunk(appends);
}

function toChunk(appends: readonly StoredAppend[]): SnapshotChunk {
  const { bytes } = joinGroup(appends);
  const first = appends[0];
  const last = appends.at(-1);
  assert(first !== undefined && last !== undefined, 'a chunk has an append');
  const endPosition = last.firstPosition + last.count;
  return { firstPosition: first.firstPosition, endPosition, bytes, crc: checksum(bytes) };
}
