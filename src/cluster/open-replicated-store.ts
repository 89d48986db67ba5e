/**
 * Opens a member of a cluster, which for a single node is all of it: lock and identity, state, log, recovery, in this order. What
 * was opened is closed again when a later step fails.
 */
import { randomUUID } from 'node:crypto';
import { StoreError } from '../domain/errors.ts';
import { systemClock } from '../lib/clock.ts';
import { randomFraction } from '../lib/random.ts';
import type { Snapshot } from '../raft/messages.ts';
import { SNAPSHOT_TEMPORARILY_UNAVAILABLE } from '../raft/storage.ts';
import { DataDirectory } from '../storage/data-directory.ts';
import type { DataDirectoryPaths } from '../storage/data-directory.ts';
import { EventState } from '../storage/event-state/event-state.ts';
import type { FileSystem } from '../storage/file-system.ts';
import type { KeyValue } from '../storage/key-value/key-value.ts';
import { nodeFileSystem } from '../storage/node-file-system.ts';
import { RaftLog } from '../storage/raft-log/raft-log.ts';
import { RocksKeyValue } from '../storage/rocks/rocks-key-value.ts';
import { SILENT_CLUSTER } from '../telemetry/cluster-observer.ts';
import { silentLogger } from '../telemetry/logger.ts';
import {
  decodeConfiguration,
  decodeSnapshotFacts,
  encodeConfiguration,
  encodeSnapshotFacts,
  NO_CONFIGURATION,
} from './configuration.ts';
import { DEFAULT_DRIVER_SETTINGS } from './driver-settings.ts';
import type { MemberInfo } from './member.ts';
import { ReplicatedMember } from './replicated-member.ts';
import type { OpenReplicatedStoreOptions, ReplicatedNode } from './replicated-node.ts';

/** Where the parts of a member lie, and who it is. */
export interface MemberPlaces {
  readonly fileSystem: FileSystem;
  readonly logPath: string;
  readonly logId: number;
  /** Whether a missing log is made; else it counts as lost. */
  readonly createLog: boolean;
  readonly statePath: string;
  readonly memberId: number;
  /** Null: it belongs to no cluster yet. */
  readonly clusterId: string | null;
  readonly joinCluster: (clusterId: string) => Promise<void>;
  readonly openState: () => Promise<KeyValue>;
  readonly release: () => Promise<void>;
  /** A cluster id that nobody has. */
  readonly newClusterId: () => string;
}

/** The queue of the log takes all that may be uncommitted, whatever its size. */
const MAX_QUEUED_BYTES = 512 * 1024 * 1024;

/**
 * Opens, or creates, the member in the data directory at `path`. Resolves when it has recovered and takes part; a cluster of one then
 * leads, and everything that was ever acknowledged is visible. STORAGE_LOCKED when a process has it open, STORAGE_CORRUPT when
 * something durable is gone or the log and the state do not belong together, STORAGE_FORMAT_TOO_NEW and STORAGE_IO as they say.
 */
export async function openReplicatedStore(
  path: string,
  options: OpenReplicatedStoreOptions = {},
): Promise<ReplicatedNode> {
  const { logger = silentLogger, beginning = { kind: 'alone' } } = options;
  const directory = await DataDirectory.open({
    path,
    initialise: (paths) => createLog(paths, options),
    ...(beginning.kind === 'alone' ? {} : { newIdentity: { clusterId: null } }),
  });
  const { memberId, logId, clusterId } = directory.identity;
  logger.info(directory.fresh ? 'data directory created' : 'data directory opened', { path, memberId, clusterId });
  const places: MemberPlaces = {
    fileSystem: nodeFileSystem,
    logPath: directory.logPath,
    logId,
    createLog: false,
    statePath: directory.statePath,
    memberId,
    clusterId,
    joinCluster: (joined) => directory.joinCluster(joined),
    openState: () => RocksKeyValue.open(directory.statePath),
    release: () => directory.close(),
    newClusterId: randomUUID,
  };
  return openMemberAt(places, options);
}

/** Opens the member whose parts lie at `places`, which are its own from the call on. Errors as {@link openReplicatedStore}. */
export async function openMemberAt(
  places: MemberPlaces,
  options: OpenReplicatedStoreOptions = {},
): Promise<ReplicatedNode> {
  const { clock = systemClock, logger = silentLogger, transport = null } = options;
  const settings = { ...DEFAULT_DRIVER_SETTINGS, ...options.settings };
  const opened: (() => Promise<void>)[] = [places.release];
  try {
    const keyValue = await places.openState();
    opened.push(() => keyValue.close());
    const state = await EventState.open(keyValue, places.statePath);
    const log = await openLog(places, state, options);
    opened.push(() => log.close());
    const configuration = state.confState === null ? NO_CONFIGURATION : decodeConfiguration(state.confState);
    const born = places.clusterId !== null && configuration === NO_CONFIGURATION;
    const member = new ReplicatedMember({
      id: places.memberId,
      log,
      state,
      configuration,
      settings,
      clock,
      random: options.random ?? randomFraction,
      observer: options.observer ?? SILENT_CLUSTER,
      self: selfOf(places, options),
      beginning: options.beginning ?? { kind: 'alone' },
      ownClusterId: born ? places.clusterId : null,
      transport,
      logger,
      joinCluster: places.joinCluster,
      newClusterId: places.newClusterId,
      release: places.release,
    });
    opened.splice(0, opened.length, () => member.close());
    logger.info('store recovered', {
      events: state.appliedEnd,
      appliedIndex: state.appliedIndex,
      lastIndex: log.lastIndex(),
    });
    await member.start();
    return member;
  } catch (error) {
    for (const close of opened.reverse()) await close().catch(() => undefined);
    throw error;
  }
}

/**
 * The log, with the state brought to where the log needs it: a snapshot that the last run had taken but not installed is installed
 * (its records are durable since before that), and a directory of a single node from before there were members gets its configuration.
 */
async function openLog(places: MemberPlaces, state: EventState, options: OpenReplicatedStoreOptions): Promise<RaftLog> {
  const log = await openLogOnce(places, state, options);
  const { pendingSnapshot } = log;
  const isUndescribed = state.confState === null && places.clusterId !== null && log.lastIndex() > 0;
  if (pendingSnapshot === null && !isUndescribed) return log;
  await log.close();
  if (pendingSnapshot === null) await describeSingle(places, state, selfOf(places, options));
  else await installPending(places, state, pendingSnapshot);
  await state.flush();
  return openLogOnce(places, state, options);
}

async function installPending(places: MemberPlaces, state: EventState, snapshot: Snapshot): Promise<void> {
  const { index, term, confState, data } = snapshot;
  const { clusterId, members, nextPosition } = decodeSnapshotFacts(data);
  if (state.appliedEnd < nextPosition) {
    const advice = 'Replace this member by a new one with an empty data directory.';
    const problem = `the log begins after ${nextPosition} events, of which ${state.appliedEnd} are here`;
    const message = `${places.statePath} is damaged: ${problem}. ${advice}`;
    throw new StoreError('STORAGE_CORRUPT', message, { path: places.statePath, advice });
  }
  await places.joinCluster(clusterId);
  await state.install({ index, term, confState: encodeConfiguration({ clusterId, confState, members }), nextPosition });
}

function openLogOnce(places: MemberPlaces, state: EventState, options: OpenReplicatedStoreOptions): Promise<RaftLog> {
  const configuration = state.confState === null ? null : decodeConfiguration(state.confState);
  return RaftLog.open({
    fileSystem: places.fileSystem,
    directory: places.logPath,
    logId: places.logId,
    create: places.createLog,
    applied: { index: state.appliedIndex, confState: (configuration ?? NO_CONFIGURATION).confState },
    maxQueuedBytes: MAX_QUEUED_BYTES,
    latestSnapshot: () => latestSnapshot(state),
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
  });
}

/** The state as it is now, for a follower that needs what the log has forgotten. */
function latestSnapshot(state: EventState): Snapshot | typeof SNAPSHOT_TEMPORARILY_UNAVAILABLE {
  const configuration = state.confState === null ? NO_CONFIGURATION : decodeConfiguration(state.confState);
  const { clusterId, confState, members } = configuration;
  if (clusterId === null || state.appliedIndex === 0) return SNAPSHOT_TEMPORARILY_UNAVAILABLE;
  const data = encodeSnapshotFacts({ clusterId, members, nextPosition: state.appliedEnd });
  return { index: state.appliedIndex, term: state.appliedTerm, confState, data };
}

async function describeSingle({ clusterId }: MemberPlaces, state: EventState, self: MemberInfo): Promise<void> {
  const confState = { voters: [self.id], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  await state.configure(encodeConfiguration({ clusterId, confState, members: [self] }));
}

function selfOf({ memberId }: MemberPlaces, options: OpenReplicatedStoreOptions): MemberInfo {
  const { name = 'node-1', peerAddress = '', clientAddress = '' } = options;
  return { id: memberId, name, peerAddress, clientAddress };
}

async function createLog(
  { logPath, identity }: DataDirectoryPaths,
  options: OpenReplicatedStoreOptions,
): Promise<void> {
  const log = await RaftLog.open({
    fileSystem: nodeFileSystem,
    directory: logPath,
    logId: identity.logId,
    applied: { index: 0 },
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
  });
  await log.close();
}
