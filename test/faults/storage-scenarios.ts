/**
 * What the log must do on a disk that is arranged for it, where a seed would come to it by luck. Each throws when it does not.
 */
import { SegmentLog } from '../../src/storage/segment-log/segment-log.ts';
import { MemoryFileSystem } from '../support/memory-file-system.ts';
import { ensure } from '../simulation/violation.ts';

const DIRECTORY = '/log';
const SEGMENT = `${DIRECTORY}/0000000001.segment`;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

async function open(fileSystem: MemoryFileSystem): Promise<{ readonly log: SegmentLog; readonly records: string[] }> {
  const records: string[] = [];
  const log = await SegmentLog.open({
    fileSystem,
    directory: DIRECTORY,
    logId: 1,
    segmentBytes: 16_384,
    visit: (payload) => records.push(new TextDecoder().decode(payload)),
  });
  return { log, records };
}

/** A crash keeps the end of a group and not its beginning; the next group ends exactly where a record of the old one begins. */
export async function tornGroupLeavesNothing(): Promise<void> {
  const fileSystem = new MemoryFileSystem(1);
  await fileSystem.makeDirectory(DIRECTORY);
  const { log } = await open(fileSystem);
  await log.append([[bytesOf('kept')]]);
  const torn = await Promise.all(
    log.appendAll(['lost-1', 'lost-2', 'lost-3'].map((text) => ({ records: [[bytesOf(text)]] }))),
  );
  const [from, to] = torn.map(({ offsets }) => offsets[0] ?? 0);
  fileSystem.kill();
  fileSystem.replace(SEGMENT, fileSystem.bytes(SEGMENT).slice().fill(0, from, to));

  const second = await open(fileSystem);
  ensure(second.records.join() === 'kept', 'a torn group is not there', () => second.records.join());
  await second.log.append([[bytesOf('next-1')]]);
  fileSystem.kill();

  const third = await open(fileSystem);
  ensure(third.records.join() === 'kept,next-1', 'the log ends with what was written last', () => third.records.join());
}
