/**
 * Lines of a stream of bytes in UTF-8. Holds no more than a line, which is limited. Knows nothing of what the lines mean.
 */

/** Larger than any object that etcd takes (1.5 MiB), also when it is escaped. */
const LONGEST_LINE = 8 * 1024 * 1024;

/** The lines without their ends; the last one may lack it. Rejects when the stream does, and when a line is too long. */
export async function* readLines(stream: ReadableStream<Uint8Array> | null): AsyncGenerator<string, void, undefined> {
  if (stream === null) return;
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const pieces = decoder.decode(chunk, { stream: true }).split('\n');
    for (const [at, piece] of pieces.entries()) {
      if (at > 0) {
        yield parts.join('');
        parts = [];
        length = 0;
      }
      parts.push(piece);
      length += piece.length;
      if (length > LONGEST_LINE) throw new Error(`a line is longer than ${LONGEST_LINE} characters`);
    }
  }
  if (length > 0) yield parts.join('');
}
