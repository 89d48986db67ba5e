/**
 * Makes the next segment ready while the current one is written, so that changing over costs nothing.
 *
 * At most one segment is ready or in the making. A failure to make one (a full disk) is kept until the segment is needed:
 * nothing acknowledged depends on it, and what is there can still be read and filled. It is not tried again.
 */
import { assert } from '../../lib/assert.ts';
import type { FileSystem } from '../file-system.ts';
import type { SegmentFile } from './segment-file.ts';
import { createSegmentFile } from './segment-file.ts';

/** Segments made for one large batch have a size that is a multiple of this. */
const SIZE_STEP_BYTES = 1 << 20;

export class SegmentPreparer {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #logId: number;
  readonly #segmentBytes: number;
  #next: Promise<SegmentFile> | null;

  /** `ready` is a blank segment that an earlier run has left, and is owned from now on. */
  constructor(
    fileSystem: FileSystem,
    directory: string,
    logId: number,
    segmentBytes: number,
    ready: SegmentFile | null,
  ) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#logId = logId;
    this.#segmentBytes = segmentBytes;
    this.#next = ready === null ? null : Promise.resolve(ready);
  }

  /** Begins to make segment `sequence`, unless one is there or in the making. */
  prepare(sequence: number): void {
    if (this.#next !== null) return;
    this.#next = createSegmentFile(this.#fileSystem, this.#directory, sequence, this.#segmentBytes, this.#logId);
    this.#next.catch(() => undefined);
  }

  /** Hands over segment `sequence`, of at least `bytes` bytes. Waits for it, and makes it when nobody has begun. */
  async take(sequence: number, bytes: number): Promise<SegmentFile> {
    this.prepare(sequence);
    const segment = await this.#next;
    this.#next = null;
    assert(segment?.header.sequence === sequence, `segment ${sequence} is the next one`);
    if (segment.header.bytes >= bytes) return segment;
    await this.discard(segment);
    const size = Math.ceil(bytes / SIZE_STEP_BYTES) * SIZE_STEP_BYTES;
    return createSegmentFile(this.#fileSystem, this.#directory, sequence, size, this.#logId);
  }

  /** Removes a blank segment, durably. */
  async discard(segment: SegmentFile): Promise<void> {
    await segment.file.close();
    await this.#fileSystem.unlink(segment.path);
    await this.#fileSystem.syncDirectory(this.#directory);
  }

  /** Waits for what is in the making and gives the file back; the next run finds it. Never rejects. */
  async close(): Promise<void> {
    try {
      await (await this.#next)?.file.close();
    } catch {
      // The failure belongs to whoever needs the segment, and nobody does any more.
    }
  }
}
