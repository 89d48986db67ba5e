/**
 * Looks at a segment log without changing it: for offline checks, and while a server is stopped.
 */
import type { FileSystem } from '../file-system.ts';
import { logIsMissing } from './damage.ts';
import { readLog } from './recovery.ts';
import { isDamage, openSegmentFiles } from './segment-file.ts';
import type { RecordVisitor } from './types.ts';

/** One segment file, as found. */
export interface InspectedSegment {
  readonly path: string;
  readonly sequence: number;
  readonly bytes: number;
  readonly records: number;
  /** Number of its first record; null when it holds none. */
  readonly firstNumber: number | null;
}

export interface SegmentLogInspection {
  readonly segments: readonly InspectedSegment[];
  readonly records: number;
  /** Bytes of writes that were never synced, which the next start will zero. Not a problem. */
  readonly leftoverBytes: number;
  /** Why a start would refuse the log, with file, offset and record; empty when it would not. */
  readonly problems: readonly string[];
}

/**
 * Reads all of the log in `directory`, giving the records to `visit` (until the first damage), and reports. Damage is
 * reported, and everything else that fails (such as a missing permission) is thrown.
 */
export async function inspectSegmentLog(
  fileSystem: FileSystem,
  directory: string,
  logId: number,
  visit: RecordVisitor = () => undefined,
): Promise<SegmentLogInspection> {
  const problems: string[] = [];
  try {
    const files = await openSegmentFiles(fileSystem, directory, 'read', logId);
    try {
      if (files.length === 0) throw logIsMissing(directory);
      const state = await readLog(files, visit);
      const segments = files.map(({ path, header }, i): InspectedSegment => {
        const { records = 0, firstNumber = null } = state.scans[i] ?? {};
        return { path, sequence: header.sequence, bytes: header.bytes, records, firstNumber };
      });
      const records = segments.reduce((sum, segment) => sum + segment.records, 0);
      const leftoverBytes = state.leftovers.reduce((sum, { from, to }) => sum + to - from, 0);
      return { segments, records, leftoverBytes, problems };
    } finally {
      for (const { file } of files) await file.close();
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { segments: [], records: 0, leftoverBytes: 0, problems: [error.message] };
  }
}
