/**
 * Segment files as files: their names, opening them all, making a new one ready for use.
 *
 * Invariant: a file with a segment's name has its full size, its blocks and a valid header on disk; a file that is being
 * made has another name until then. Sequence numbers of the files there follow each other without a gap. Knows nothing
 * of the records inside.
 */
import { StoreError } from '../../domain/errors.ts';
import { assert } from '../../lib/assert.ts';
import type { FileSystem, StorageFile } from '../file-system.ts';
import { corrupt } from './damage.ts';
import type { SegmentHeader } from './segment-header.ts';
import { decodeSegmentHeader, encodeSegmentHeader, MAX_SEGMENT_BYTES, SEGMENT_HEADER_BYTES } from './segment-header.ts';

/** An open segment file whose header and size are right. */
export interface SegmentFile {
  readonly path: string;
  readonly file: StorageFile;
  readonly header: SegmentHeader;
}

const SEGMENT_NAME = /^(\d{10})\.segment$/;
const PREPARING_SUFFIX = '.preparing';

/** Name of the file of segment `sequence`. */
export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(10, '0')}.segment`;
}

/** Makes a new segment file durable under its name, blank behind the header, and opens it for reading and writing. */
export async function createSegmentFile(
  fileSystem: FileSystem,
  directory: string,
  sequence: number,
  bytes: number,
  logId: number,
): Promise<SegmentFile> {
  assert(
    bytes > SEGMENT_HEADER_BYTES && bytes <= MAX_SEGMENT_BYTES,
    `a segment of ${bytes} bytes is out of range (more than ${SEGMENT_HEADER_BYTES}, at most ${MAX_SEGMENT_BYTES})`,
  );
  const path = `${directory}/${segmentName(sequence)}`;
  const preparing = path + PREPARING_SUFFIX;
  const page = encodeSegmentHeader(sequence, bytes, logId);
  await fileSystem.unlink(preparing);
  const blank = await fileSystem.open(preparing, 'create');
  try {
    await blank.preallocate(bytes);
    await blank.write([page], 0);
    await blank.datasync();
  } catch (error) {
    await blank.close();
    // Gives the space of a half-made file back to a full disk. The failure itself is what counts, so a second is dropped.
    await fileSystem.unlink(preparing).catch(() => undefined);
    throw error;
  }
  await blank.close();
  await fileSystem.rename(preparing, path);
  await fileSystem.syncDirectory(directory);
  const file = await fileSystem.open(path, 'write');
  return { path, file, header: decodeSegmentHeader(page, path, sequence, logId) };
}

/** Removes what a crash left of files that were being made. */
export async function removeUnfinishedFiles(fileSystem: FileSystem, directory: string): Promise<void> {
  for (const name of await fileSystem.list(directory)) {
    if (name.endsWith(PREPARING_SUFFIX)) await fileSystem.unlink(`${directory}/${name}`);
  }
}

/**
 * Opens all segment files, in order. Each must have the size that its header says, and none may be missing between them.
 * On failure everything is closed again.
 */
export async function openSegmentFiles(
  fileSystem: FileSystem,
  directory: string,
  mode: 'read' | 'write',
  logId: number | undefined,
): Promise<SegmentFile[]> {
  const opened: SegmentFile[] = [];
  try {
    for (const name of await fileSystem.list(directory)) {
      const match = SEGMENT_NAME.exec(name);
      if (match === null) continue;
      const sequence = Number(match[1]);
      const before = opened.at(-1)?.header.sequence;
      if (before !== undefined && sequence !== before + 1) {
        throw corrupt(`${directory}/${segmentName(before + 1)}`, 0, null, 'the segment file is missing');
      }
      opened.push(await openSegmentFile(fileSystem, `${directory}/${name}`, mode, sequence, logId));
    }
    return opened;
  } catch (error) {
    for (const { file } of opened) await file.close();
    throw error;
  }
}

async function openSegmentFile(
  fileSystem: FileSystem,
  path: string,
  mode: 'read' | 'write',
  sequence: number,
  logId: number | undefined,
): Promise<SegmentFile> {
  const file = await fileSystem.open(path, mode);
  try {
    const page = new Uint8Array(SEGMENT_HEADER_BYTES);
    const header = decodeSegmentHeader(page.subarray(0, await file.read(page, 0)), path, sequence, logId);
    const size = await file.size();
    if (size !== header.bytes) {
      const problem = `the file has ${size} bytes instead of the ${header.bytes} that it was given before its first use`;
      throw corrupt(path, Math.min(size, header.bytes), null, problem);
    }
    return { path, file, header };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Whether the error says that the log is damaged, rather than that it could not be read. */
export function isDamage(error: unknown): error is StoreError<'STORAGE_CORRUPT'> {
  return error instanceof StoreError && error.is('STORAGE_CORRUPT');
}
