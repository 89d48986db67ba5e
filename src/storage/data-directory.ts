/**
 * The data directory: its layout, its identity, and the lock that keeps a second process out.
 *
 * Invariants: while it is open the lock is held; it counts as created when its identity file is there, which is written
 * last; one with content but without identity is refused unless a creation was interrupted. Must not know what `log` and
 * `state` hold. Layout in FORMAT.md, section "Data directory".
 */
import { randomInt, randomUUID } from 'node:crypto';

import { StoreError } from '../domain/errors.ts';
import { assert } from '../lib/assert.ts';
import type { FileLock } from './file-lock.ts';
import { lockFile } from './file-lock.ts';
import type { FileSystem } from './file-system.ts';
import type { Identity } from './identity.ts';
import { decodeIdentity, encodeIdentity } from './identity.ts';
import { nodeFileSystem } from './node-file-system.ts';

const IDENTITY_FILE = 'identity.json';
const NEW_IDENTITY_FILE = 'identity.json.new';
const LOCK_FILE = 'lock';
/** There from the first to the last step of the creation. */
const CREATING_FILE = 'creating';
const LOG_DIRECTORY = 'log';
const STATE_DIRECTORY = 'state';
/** Not ours, and no reason to refuse: the root of an ext4 volume has it. */
const FOREIGN_NAMES: ReadonlySet<string> = new Set(['lost+found']);

/** Ids are below this, the largest range that node:crypto draws from evenly. */
const ID_LIMIT = 2 ** 48 - 1;

export interface DataDirectoryOptions {
  readonly path: string;
  /** Default: the disk of this machine. */
  readonly fileSystem?: FileSystem;
  /** Default: a lock of the operating system. */
  readonly lock?: (path: string) => Promise<FileLock>;
  /** Identity of a directory that is created now; what is left out is random, and the cluster a new one. */
  readonly newIdentity?: Partial<Identity>;
  /**
   * Makes what must be there in every created directory, such as an empty log; called before the identity is written, so
   * that a log that is missing later is known to be lost. May run again after a crash, with `log` emptied.
   */
  readonly initialise?: (directory: DataDirectoryPaths) => Promise<void>;
}

/** Where things lie, and for whom. */
export interface DataDirectoryPaths {
  readonly path: string;
  /** For the segment log alone. */
  readonly logPath: string;
  /** For the key-value store alone. */
  readonly statePath: string;
  readonly identity: Identity;
}

export class DataDirectory implements DataDirectoryPaths {
  readonly path: string;
  readonly logPath: string;
  readonly statePath: string;
  /** Whether it was created by this call of `open`. */
  readonly fresh: boolean;
  readonly #fileSystem: FileSystem;
  readonly #lock: FileLock;
  #identity: Identity;

  private constructor(fileSystem: FileSystem, lock: FileLock, paths: DataDirectoryPaths, fresh: boolean) {
    this.path = paths.path;
    this.logPath = paths.logPath;
    this.statePath = paths.statePath;
    this.#identity = paths.identity;
    this.#fileSystem = fileSystem;
    this.#lock = lock;
    this.fresh = fresh;
  }

  get identity(): Identity {
    return this.#identity;
  }

  /**
   * Locks the directory, and creates it when it is missing or empty. STORAGE_LOCKED when a process has it open;
   * STORAGE_FORMAT_TOO_NEW, STORAGE_CORRUPT and STORAGE_IO as their names say. The caller must close it.
   */
  static async open(options: DataDirectoryOptions): Promise<DataDirectory> {
    const fileSystem = options.fileSystem ?? nodeFileSystem;
    const { path } = options;
    await fileSystem.makeDirectory(path);
    const lock = await (options.lock ?? lockFile)(`${path}/${LOCK_FILE}`);
    try {
      const fresh = !(await fileSystem.exists(`${path}/${IDENTITY_FILE}`));
      const identity = fresh ? await create(fileSystem, options) : await readIdentity(fileSystem, path);
      if (!fresh) await removeLeftovers(fileSystem, path);
      return new DataDirectory(fileSystem, lock, pathsOf(path, identity), fresh);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Notes durably the cluster that the member has joined. A member never changes its cluster. */
  async joinCluster(clusterId: string): Promise<void> {
    if (this.#identity.clusterId === clusterId) return;
    assert(this.#identity.clusterId === null, `the member of ${this.#identity.clusterId ?? ''} joins ${clusterId}`);
    const identity = { ...this.#identity, clusterId };
    await writeIdentity(this.#fileSystem, this.path, identity);
    this.#identity = identity;
  }

  /** Gives the lock back. Everything in the directory must be closed before. */
  async close(): Promise<void> {
    await this.#lock.release();
  }
}

function pathsOf(path: string, identity: Identity): DataDirectoryPaths {
  return { path, logPath: `${path}/${LOG_DIRECTORY}`, statePath: `${path}/${STATE_DIRECTORY}`, identity };
}

async function create(fileSystem: FileSystem, options: DataDirectoryOptions): Promise<Identity> {
  const { path, newIdentity, initialise } = options;
  const identity: Identity = {
    memberId: randomInt(1, ID_LIMIT),
    logId: randomInt(1, ID_LIMIT),
    clusterId: randomUUID(),
    ...newIdentity,
  };
  const paths = pathsOf(path, identity);
  if (await fileSystem.exists(`${path}/${CREATING_FILE}`)) await emptyLog(fileSystem, paths.logPath);
  else await markCreation(fileSystem, path);
  await fileSystem.makeDirectory(paths.logPath);
  await fileSystem.makeDirectory(paths.statePath);
  await fileSystem.syncDirectory(path);
  await initialise?.(paths);
  await writeIdentity(fileSystem, path, identity);
  await removeLeftovers(fileSystem, path);
  return identity;
}

async function markCreation(fileSystem: FileSystem, path: string): Promise<void> {
  const names = await fileSystem.list(path);
  const unexpected = names.find((name) => name !== LOCK_FILE && !FOREIGN_NAMES.has(name));
  if (unexpected !== undefined) {
    const advice = `If it is a data directory, restore ${IDENTITY_FILE} from a backup; else use an empty directory.`;
    const message = `${path} is not empty (it has ${unexpected}) and has no ${IDENTITY_FILE}. ${advice}`;
    throw new StoreError('STORAGE_CORRUPT', message, { path, advice });
  }
  const file = await fileSystem.open(`${path}/${CREATING_FILE}`, 'create');
  await file.close();
  await fileSystem.syncDirectory(path);
  const slash = path.lastIndexOf('/');
  if (slash > 0) await fileSystem.syncDirectory(path.slice(0, slash));
}

/** What an interrupted creation made belongs to an identity that was never written. */
async function emptyLog(fileSystem: FileSystem, logPath: string): Promise<void> {
  if (!(await fileSystem.exists(logPath))) return;
  for (const name of await fileSystem.list(logPath)) await fileSystem.unlink(`${logPath}/${name}`);
  await fileSystem.syncDirectory(logPath);
}

async function removeLeftovers(fileSystem: FileSystem, path: string): Promise<void> {
  await fileSystem.unlink(`${path}/${CREATING_FILE}`);
  await fileSystem.unlink(`${path}/${NEW_IDENTITY_FILE}`);
  await fileSystem.syncDirectory(path);
}

async function writeIdentity(fileSystem: FileSystem, path: string, identity: Identity): Promise<void> {
  const next = `${path}/${NEW_IDENTITY_FILE}`;
  await fileSystem.unlink(next);
  const file = await fileSystem.open(next, 'create');
  try {
    await file.write([new TextEncoder().encode(encodeIdentity(identity))], 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(next, `${path}/${IDENTITY_FILE}`);
  await fileSystem.syncDirectory(path);
}

/** The identity of a directory, without its lock: for tools that only look. */
export async function readIdentity(fileSystem: FileSystem, path: string): Promise<Identity> {
  const identityPath = `${path}/${IDENTITY_FILE}`;
  const file = await fileSystem.open(identityPath, 'read');
  try {
    const bytes = new Uint8Array(await file.size());
    const count = await file.read(bytes, 0);
    return decodeIdentity(new TextDecoder().decode(bytes.subarray(0, count)), identityPath);
  } finally {
    await file.close();
  }
}
