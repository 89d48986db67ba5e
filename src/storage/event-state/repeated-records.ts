/**
 * Records that come a second time: a snapshot has brought what log entries bring again later. Events never change, so what is there
 * and what comes must be the same; if not, replicas have diverged, and the process ends before it makes that worse.
 */
import { assert } from '../../lib/assert.ts';
import type { EncodedGroup } from '../group.ts';
import type { StoredAppend } from '../stored-append.ts';
import { readAllForwards } from './read-all.ts';
import type { StateView } from './state-view.ts';

/** The group's records in two: those below `position`, which are there, and those from there on. Together without a gap. */
export function recordsBehind(
  group: EncodedGroup,
  position: number,
): { readonly repeated: readonly StoredAppend[]; readonly appends: readonly StoredAppend[] } {
  const { appends } = group;
  const first = appends[0];
  assert(first !== undefined, 'a group has at least one append');
  if (first.firstPosition === position) return { repeated: [], appends };
  assert(first.firstPosition < position, () => `records from position ${first.firstPosition}, not ${position}`);
  const cut = appends.findIndex((append) => append.firstPosition >= position);
  const kept = cut === -1 ? [] : appends.slice(cut);
  const repeated = cut === -1 ? appends : appends.slice(0, cut);
  const end = repeated.at(-1);
  assert(end !== undefined && end.firstPosition + end.count <= position, () => {
    return `a record at position ${end?.firstPosition ?? -1} of which a part is there, up to ${position}`;
  });
  return { repeated, appends: kept };
}

/** Ends the process unless each of the records, which follow one another, is in the state with the same bytes. */
export async function assertSameRecords(repeated: readonly StoredAppend[], view: StateView): Promise<void> {
  const first = repeated[0];
  if (first === undefined) return;
  let i = 0;
  for await (const chunk of readAllForwards(view, first.firstPosition)) {
    for (const stored of chunk) {
      const wanted = repeated[i];
      if (wanted === undefined) return;
      const { firstPosition } = wanted;
      assert(Buffer.compare(stored.bytes, wanted.bytes) === 0, () => {
        return `the record at position ${firstPosition} is not the one that the log has: members have diverged`;
      });
      i += 1;
    }
  }
  assert(i === repeated.length, () => `${repeated.length - i} records that were applied are not there`);
}
