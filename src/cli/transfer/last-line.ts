/**
 * The last complete line of a file, without reading the file, so that an export can go on after it.
 */
import { open } from 'node:fs/promises';
import { MAX_LINE_BYTES } from './line-source.ts';

const NEWLINE = 0x0a;

export interface LastLine {
  readonly line: string;
  /** Where the next line begins. The file has been cut there. */
  readonly offset: number;
}

/** Cuts off an incomplete last line. Null when the file has no complete line or is missing; it is empty or missing then. */
export async function lastCompleteLine(path: string): Promise<LastLine | null> {
  const file = await open(path, 'r+').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - 2 * MAX_LINE_BYTES);
    const tail = Buffer.alloc(size - start);
    await file.read(tail, 0, tail.length, start);
    const end = tail.lastIndexOf(NEWLINE);
    if (end < 0) return null;
    const begin = tail.subarray(0, end).lastIndexOf(NEWLINE) + 1;
    await file.truncate(start + end + 1);
    return { line: tail.toString('utf8', begin, end), offset: start + end + 1 };
  } finally {
    await file.close();
  }
}
