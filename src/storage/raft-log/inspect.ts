/**
 * Looks at a Raft log without changing it: what a start would find, and whether it would refuse.
 */
import { StoreError } from '../../domain/errors.ts';
import type { FileSystem } from '../file-system.ts';
import { corrupt } from '../segment-log/damage.ts';
import type { SegmentLogInspection } from '../segment-log/inspect.ts';
import { inspectSegmentLog } from '../segment-log/inspect.ts';
import { segmentName } from '../segment-log/segment-file.ts';
import { checkAgainstState } from './check-against-state.ts';
import { LogReplay } from './log-replay.ts';
import { decodeRecord } from './record-codec.ts';
import type { AppliedState } from './types.ts';

export interface RaftLogInspection extends SegmentLogInspection {
  readonly firstIndex: number;
  readonly lastIndex: number;
}

/** Reads the log in `directory` and judges it beside the applied state. Damage is reported, other failures are thrown. */
export async function inspectRaftLog(
  fileSystem: FileSystem,
  directory: string,
  logId: number,
  applied: AppliedState,
): Promise<RaftLogInspection> {
  const replay = new LogReplay();
  const found = await inspectSegmentLog(fileSystem, directory, logId, (payload, number, { segment, offset }) => {
    const record = decodeRecord(payload);
    const problem = record === null ? 'the record is of no known kind' : replay.apply(record, segment, offset);
    if (problem !== null) throw corrupt(`${directory}/${segmentName(segment)}`, offset, number, problem);
  });
  const problems = [...found.problems];
  try {
    if (problems.length === 0) checkAgainstState(directory, replay, applied);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    problems.push(error.message);
  }
  return { ...found, problems, firstIndex: replay.index.base + 1, lastIndex: replay.index.last };
}
