/**
 * The last complete line of a file, without reading the file, so that an export can go on after it. Changes nothing: what
 * the file is has to be known before any of it is cut off.
 */
import { open } from 'node:fs/promises';
import { MAX_LINE_BYTES } from './line-source.ts';

const NEWLINE = 0x0a;

export interface LastLine {
  /** Without its newline; null when no line of the file ends in one. */
  readonly line: string | null;
  /** What comes after it. Empty unless writing was interrupted. */
  readonly torn: string;
  /** Where the next line begins, in bytes. */
  readonly offset: number;
}

/** The end of the file. Null when it is empty or missing. Looks at no more than two lines of the greatest length. */
export async function lastCompleteLine(path: string): Promise<LastLine | null> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const { size } = await file.stat();
    if (size === 0) return null;
    const start = Math.max(0, size - 2 * MAX_LINE_BYTES);
    const tail = Buffer.alloc(size - start);
    await file.read(tail, 0, tail.length, start);
    const end = tail.lastIndexOf(NEWLINE);
    const torn = tail.toString('utf8', end + 1);
    if (end < 0) return { line: null, torn, offset: 0 };
    const begin = tail.subarray(0, end).lastIndexOf(NEWLINE) + 1;
    return { line: tail.toString('utf8', begin, end), torn, offset: start + end + 1 };
  } finally {
    await file.close();
  }
}
