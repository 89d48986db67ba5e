/**
 * Mistakes in the segment log and the Raft log.
 */
import type { PlantedFault } from './fault.ts';

export const STORAGE_FAULTS: readonly PlantedFault[] = [
  {
    name: 'group-not-synced',
    mistake: 'a group is answered when it is written, not when it is synced',
    file: 'src/storage/segment-log/segment-log.ts',
    find: `    await segment.file.write(this.#encoder.finish(), this.#end);
    await segment.file.datasync();`,
    replace: '    await segment.file.write(this.#encoder.finish(), this.#end);',
    caughtBy: { seeds: 50 },
  },
  {
    name: 'failed-sync-forgotten',
    mistake: 'after a failed write or sync the log goes on as if it had worked',
    file: 'src/storage/segment-log/segment-log.ts',
    find: `    await segment.file.write(this.#encoder.finish(), this.#end);
    await segment.file.datasync();`,
    replace: `    await segment.file.write(this.#encoder.finish(), this.#end).catch(() => undefined);
    await segment.file.datasync().catch(() => undefined);`,
    caughtBy: { seeds: 300 },
  },
  {
    name: 'torn-tail-not-cut',
    mistake: 'what a torn group has left behind the end stays there',
    file: 'src/storage/segment-log/recovery.ts',
    find: 'for (const { file, from, to } of state.leftovers) {',
    replace: 'for (const { file, from, to } of state.leftovers.slice(0, 0)) {',
    caughtBy: { scenario: 'a torn group leaves nothing' },
  },
  {
    name: 'damaged-mark-ends-log',
    mistake: 'a damaged mark ends the log, although the group behind it is whole',
    file: 'src/storage/segment-log/segment-scan.ts',
    find: 'if (frame === null && batch.length === 0 && records > 0) {',
    replace: 'if (frame === null && batch.length === 0 && records < 0) {',
    caughtBy: { seeds: 6_000 },
  },
  {
    name: 'hole-ignored',
    mistake: 'a hole in front of durable records counts as the end of the log',
    file: 'src/storage/segment-log/recovery.ts',
    find: 'if (tail.proof !== null) {',
    replace: 'if (tail.proof !== null && tail.usedEnd < 0) {',
    caughtBy: { seeds: 300 },
  },
  {
    name: 'checksum-ignored',
    mistake: 'a record is taken without comparing its checksum',
    file: 'src/storage/segment-log/frame.ts',
    find: 'return crc === view.getUint32(at + FRAME_FIELD.crc, true) ? frame : null;',
    replace: 'return crc >= 0 ? frame : null;',
    caughtBy: { seeds: 1_000 },
  },
  {
    name: 'last-group-not-synced-again',
    mistake: 'recovery takes the last group for durable because it can be read',
    file: 'src/storage/segment-log/recovery.ts',
    find: '    await file.write([bytes], from);\n',
    replace: '',
    caughtBy: { seeds: 6_000 },
  },
  {
    name: 'hard-state-lost-among-entries',
    mistake: 'a batch with entries is written without its hard state',
    file: 'src/storage/raft-log/raft-log.ts',
    find: 'if (hardState) add({',
    replace: 'if (hardState && entries.length === 0) add({',
    caughtBy: { seeds: 50 },
  },
  {
    name: 'base-term-of-older-base',
    mistake: 'the base of a compacted log keeps the term of the base before',
    file: 'src/storage/raft-log/log-replay.ts',
    find: 'this.index.compact(base.index, base.term);',
    replace: 'this.index.compact(base.index, this.index.term(base.index));',
    caughtBy: { seeds: 3_000 },
  },
  {
    name: 'segment-cut-too-early',
    mistake: 'compaction removes a segment that holds an entry still needed',
    file: 'src/storage/raft-log/raft-log.ts',
    find: 'const place = this.#replay.index.place(base + 1);',
    replace: 'const place = this.#replay.index.place(last);',
    caughtBy: { seeds: 1_000 },
  },
];
