/**
 * The state's own entries: format version, how far it is applied, whose cluster it belongs to. Read once at opening. The gate
 * that refuses a newer format is here.
 */
import { StoreError } from '../../domain/errors.ts';
import { readU32, writeU32 } from '../big-endian.ts';
import { corruption } from '../corruption.ts';
import type { KeyValue } from '../key-value/key-value.ts';
import { metaKeys } from '../keys.ts';
import { decodeProgress, encodeProgress, NOTHING_INDEXED } from '../event-id-index/index-shape.ts';
import type { IndexProgress, IndexShape } from '../event-id-index/index-shape.ts';
import { decodeApplied, encodeApplied, type AppliedState } from '../values.ts';

/** The version of keys, values, pages, records and groups together. Raised with every change that older code cannot read. */
export const STATE_FORMAT = 1;

export interface StateMeta {
  readonly applied: AppliedState;
  readonly clusterId: Uint8Array | null;
  readonly confState: Uint8Array | null;
  /** The form of the event id index, and how far it is built. */
  readonly eventIds: { readonly shape: IndexShape; readonly progress: IndexProgress };
}

const NOTHING_APPLIED: AppliedState = { index: 0, term: 0, nextPosition: 0, lastCreatedAt: 0 };
const EVERYTHING = { gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) };

/** `place` names the state in errors, for example the directory's path. */
export async function readMeta(keyValue: KeyValue, place: string): Promise<StateMeta | null> {
  const { format: formatKey, applied: appliedKey } = metaKeys;
  const keys = [formatKey, appliedKey, metaKeys.clusterId, metaKeys.confState, metaKeys.eventIds];
  const values = await keyValue.getMany(keys);
  const [format = null, applied = null, clusterId = null, confState = null, eventIds = null] = values;
  if (format === null) {
    const [entry] = await keyValue.scan(EVERYTHING, { limit: 1, keysOnly: true });
    if (entry !== undefined) throw corruption(place, 'it has entries but no format version');
    return null;
  }
  if (format.length !== 4) throw corruption(place, `its format version has ${format.length} bytes`);
  const found = readU32(format, 0);
  if (found > STATE_FORMAT) {
    const message = `${place} has format ${found}, which a newer version of graveyar wrote; this one reads up to ${STATE_FORMAT}: start the newer version`;
    throw new StoreError('STORAGE_FORMAT_TOO_NEW', message, { path: place, found, supported: STATE_FORMAT });
  }
  if (found === 0) throw corruption(place, 'its format version is 0');
  if (applied === null) throw corruption(place, 'it does not say how far it is applied');
  if (eventIds === null) throw corruption(place, 'it does not say how far its event id index is built');
  return { applied: decodeApplied(applied), clusterId, confState, eventIds: decodeProgress(eventIds) };
}

/** Makes an empty store an empty event state, whose event id index has the form `shape`. */
export async function writeFirstMeta(keyValue: KeyValue, shape: IndexShape): Promise<StateMeta> {
  const format = new Uint8Array(4);
  writeU32(format, 0, STATE_FORMAT);
  await keyValue.write((batch) => {
    batch.put(metaKeys.format, format);
    batch.put(metaKeys.applied, encodeApplied(NOTHING_APPLIED));
    batch.put(metaKeys.eventIds, encodeProgress(shape, NOTHING_INDEXED));
  });
  const eventIds = { shape, progress: NOTHING_INDEXED };
  return { applied: NOTHING_APPLIED, clusterId: null, confState: null, eventIds };
}
