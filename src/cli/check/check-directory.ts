/**
 * Verifies a data directory while no server has it open: the log's checksums and order, the state's records and indexes, and
 * that both belong together. Changes nothing in them. Composes what storage knows; prints nothing.
 */
import { existsSync } from 'node:fs';
import { StoreError } from '../../domain/errors.ts';
import { checkState } from '../../storage/check-state.ts';
import type { StateReport } from '../../storage/check-state.ts';
import { DataDirectory } from '../../storage/data-directory.ts';
import { nodeFileSystem } from '../../storage/node-file-system.ts';
import { inspectRaftLog } from '../../storage/raft-log/inspect.ts';
import type { RaftLogInspection } from '../../storage/raft-log/inspect.ts';
import { RocksKeyValue } from '../../storage/rocks/rocks-key-value.ts';
import { EXIT } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';

/** Something that is not as it must be. */
export interface CheckProblem {
  readonly where: 'log' | 'state';
  readonly kind: string;
  readonly message: string;
}

/** What was found. The names are those of `--json`. */
export interface CheckReport {
  readonly directory: string;
  readonly clean: boolean;
  readonly events: number;
  readonly streams: number;
  readonly records: number;
  readonly appliedIndex: number;
  readonly logSegments: number;
  readonly logFirstIndex: number;
  readonly logLastIndex: number;
  /** Entries that are durable in the log and that the next start will apply to the state. No problem. */
  readonly logUnapplied: number;
  /** Bytes of writes that were never acknowledged, which the next start will cut off. No problem. */
  readonly logLeftoverBytes: number;
  /** The first problems. */
  readonly problems: readonly CheckProblem[];
  /** All of them. */
  readonly problemCount: number;
}

/** Events checked, and how many there should be. */
export type CheckProgress = (checked: number, total: number) => void;

/**
 * Checks the data directory at `path`, which it locks meanwhile. Damage is in the report; STORAGE_LOCKED,
 * STORAGE_FORMAT_TOO_NEW and STORAGE_IO are thrown, as nothing can be said then.
 */
export async function checkDirectory(path: string, onProgress: CheckProgress): Promise<CheckReport> {
  // Opening would create it.
  if (!existsSync(`${path}/identity.json`)) {
    throw new CommandFailure(`${path} is no data directory: it has no identity.json`, EXIT.usage);
  }
  const directory = await DataDirectory.open({ path });
  try {
    const state = await inspectState(directory.statePath, onProgress);
    const index = 'report' in state ? state.report.appliedIndex : 0;
    const { logPath, identity } = directory;
    const log = await inspectRaftLog(nodeFileSystem, logPath, identity.logId, { index });
    return makeReport(path, state, log);
  } finally {
    await directory.close();
  }
}

type StateInspection = { readonly report: StateReport } | { readonly damage: string };

async function inspectState(path: string, onProgress: CheckProgress): Promise<StateInspection> {
  try {
    const keyValue = await RocksKeyValue.open(path, { readOnly: true });
    try {
      return { report: await checkState(keyValue, { onProgress }) };
    } finally {
      // Closing begins with a flush, which a read-only database refuses; it is closed then all the same.
      await keyValue.close().catch(() => undefined);
    }
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORAGE_CORRUPT') return { damage: error.message };
    throw error;
  }
}

function makeReport(directory: string, state: StateInspection, log: RaftLogInspection): CheckReport {
  const report = 'report' in state ? state.report : null;
  const damage = 'damage' in state ? [{ where: 'state' as const, kind: 'damaged', message: state.damage }] : [];
  const problems: CheckProblem[] = [
    ...log.problems.map((message) => ({ where: 'log' as const, kind: 'damaged', message })),
    ...damage,
    ...(report?.problems ?? []).map(({ kind, message }) => ({ where: 'state' as const, kind, message })),
  ];
  const problemCount = log.problems.length + damage.length + (report?.problemCount ?? 0);
  const appliedIndex = report?.appliedIndex ?? 0;
  return {
    directory,
    clean: problemCount === 0,
    events: report?.events ?? 0,
    streams: report?.streams ?? 0,
    records: report?.records ?? 0,
    appliedIndex,
    logSegments: log.segments.length,
    logFirstIndex: log.firstIndex,
    logLastIndex: log.lastIndex,
    logUnapplied: Math.max(0, log.lastIndex - appliedIndex),
    logLeftoverBytes: log.leftoverBytes,
    problems,
    problemCount,
  };
}
