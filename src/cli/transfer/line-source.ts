/**
 * Lines of a byte stream, many at a time: decoding and splitting a whole chunk costs a fraction of doing so for each line.
 * Memory is bounded by a chunk and the longest line. Knows nothing of what the lines hold.
 */
import { TextDecoder } from 'node:util';
import { CommandFailure } from '../failure.ts';

/** Lines that came together. */
export interface LineBatch {
  /** Without their line ends. Empty lines are there too, so that lines can be counted. */
  readonly lines: readonly string[];
  /** Bytes of the source up to the end of the last of them. */
  readonly bytesRead: number;
}

/** Room for the largest event in base64 and what is around it. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Splits what `source` gives. A last line without a line end counts. Throws when the bytes are no UTF-8 or a line is too long. */
export async function* readLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<LineBatch, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let pieces: Uint8Array[] = [];
  let waiting = 0;
  let bytesRead = 0;
  for await (const chunk of source) {
    const end = chunk.lastIndexOf(NEWLINE);
    if (end < 0) {
      pieces.push(chunk);
      waiting += chunk.length;
      if (waiting > MAX_LINE_BYTES) {
        throw new CommandFailure(`a line after byte ${bytesRead} is longer than ${MAX_LINE_BYTES} bytes`);
      }
      continue;
    }
    const whole = Buffer.concat([...pieces, chunk.subarray(0, end)]);
    bytesRead += whole.length + 1;
    yield { lines: split(decoder, whole, bytesRead), bytesRead };
    const rest = chunk.subarray(end + 1);
    pieces = rest.length > 0 ? [rest] : [];
    waiting = rest.length;
  }
  if (waiting === 0) return;
  bytesRead += waiting;
  yield { lines: split(decoder, Buffer.concat(pieces), bytesRead), bytesRead };
}

function split(decoder: TextDecoder, bytes: Uint8Array, bytesRead: number): readonly string[] {
  try {
    const lines = decoder.decode(bytes).split('\n');
    return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  } catch {
    throw new CommandFailure(`the lines before byte ${bytesRead} are not valid UTF-8`);
  }
}
