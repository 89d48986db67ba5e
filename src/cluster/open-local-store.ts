/**
 * Opens the store of one node on local disk: lock and identity, state, log, recovery, in this order. What was opened is
 * closed again when a later step fails.
 */
import type { Clock } from '../lib/clock.ts';
import { systemClock } from '../lib/clock.ts';
import { DataDirectory } from '../storage/data-directory.ts';
import type { DataDirectoryPaths } from '../storage/data-directory.ts';
import { EventState } from '../storage/event-state/event-state.ts';
import type { FileSystem } from '../storage/file-system.ts';
import type { KeyValue } from '../storage/key-value/key-value.ts';
import { nodeFileSystem } from '../storage/node-file-system.ts';
import { RaftLog } from '../storage/raft-log/raft-log.ts';
import { RocksKeyValue } from '../storage/rocks/rocks-key-value.ts';
import { silentLogger } from '../telemetry/logger.ts';
import type { Logger } from '../telemetry/logger.ts';
import { LocalJournal } from './local-journal.ts';
import { LocalStore } from './local-store.ts';
import type { LocalStoreOptions } from './local-store.ts';
import { replayLog } from './replay-log.ts';

export interface OpenLocalStoreOptions extends Partial<LocalStoreOptions> {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Size of the log's segment files in bytes. */
  readonly segmentBytes?: number;
}

/** Where the log and the state of a store lie. */
export interface StorePlaces {
  readonly fileSystem: FileSystem;
  readonly logPath: string;
  readonly logId: number;
  /** Whether a missing log is made; else it counts as lost. */
  readonly createLog: boolean;
  readonly statePath: string;
  readonly openState: () => Promise<KeyValue>;
  readonly release: () => Promise<void>;
}

/** The queue takes the pipeline's groups in flight, whatever their size. */
const MAX_QUEUED_BYTES = 512 * 1024 * 1024;

/**
 * Opens, or creates, the store in the data directory at `path`. Everything that was ever acknowledged is visible when it
 * resolves. STORAGE_LOCKED when a process has it open, STORAGE_CORRUPT when something durable is gone or the log and the
 * state do not belong together, STORAGE_FORMAT_TOO_NEW and STORAGE_IO as they say.
 */
export async function openLocalStore(path: string, options: OpenLocalStoreOptions = {}): Promise<LocalStore> {
  const { logger = silentLogger } = options;
  const directory = await DataDirectory.open({ path, initialise: (paths) => createLog(paths, options) });
  logger.info(directory.fresh ? 'data directory created' : 'data directory opened', {
    path,
    memberId: directory.identity.memberId,
  });
  const places: StorePlaces = {
    fileSystem: nodeFileSystem,
    logPath: directory.logPath,
    logId: directory.identity.logId,
    createLog: false,
    statePath: directory.statePath,
    openState: () => RocksKeyValue.open(directory.statePath),
    release: () => directory.close(),
  };
  return openStoreAt(places, options);
}

/** Opens the store whose parts lie at `places`, which are the store's from the call on. Errors as {@link openLocalStore}. */
export async function openStoreAt(places: StorePlaces, options: OpenLocalStoreOptions = {}): Promise<LocalStore> {
  const { clock = systemClock, logger = silentLogger } = options;
  const opened: (() => Promise<void>)[] = [places.release];
  try {
    const keyValue = await places.openState();
    opened.push(() => keyValue.close());
    const state = await EventState.open(keyValue, places.statePath);
    const log = await RaftLog.open({
      fileSystem: places.fileSystem,
      directory: places.logPath,
      logId: places.logId,
      create: places.createLog,
      applied: { index: state.appliedIndex },
      maxQueuedBytes: MAX_QUEUED_BYTES,
      ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    });
    opened.push(() => log.close());
    const replayed = await replayLog(log, state);
    logger.info('store recovered', {
      events: state.appliedEnd,
      entries: state.appliedIndex,
      replayedEntries: replayed,
    });
    return new LocalStore({ state, journal: new LocalJournal(log, clock), release: places.release }, options);
  } catch (error) {
    for (const close of opened.reverse()) await close().catch(() => undefined);
    throw error;
  }
}

async function createLog({ logPath, identity }: DataDirectoryPaths, options: OpenLocalStoreOptions): Promise<void> {
  const log = await RaftLog.open({
    fileSystem: nodeFileSystem,
    directory: logPath,
    logId: identity.logId,
    applied: { index: 0 },
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
  });
  await log.close();
}
